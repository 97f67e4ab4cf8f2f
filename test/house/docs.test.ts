/** What the documents name is there: files, commands and their flags, messages, the two commands of the README. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { COMMANDS, type CommandId } from '../../src/commands/index.ts'
import { commandsMeant } from '../../src/commands/words.ts'
import { bodies } from '../../src/core/wire/message.ts'

const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...readdirSync('docs').map((name) => `docs/${name}`)].filter((path) => path.endsWith('.md'))
const textOf = (path: string): string => readFileSync(path, 'utf8')
const readme = textOf('README.md')
const { scripts } = JSON.parse(textOf('package.json')) as { readonly scripts: Readonly<Record<string, string>> }
const all = (text: string, form: RegExp): string[] => [...text.matchAll(form)].map(([, found = '']) => found)

t.test('every relative link leads to a file, and to a heading in it', async (t) => {
  for (const page of pages) {
    for (const link of all(textOf(page), /\]\(([^)\s]+)\)/g).filter((link) => !/^[a-z]+:/.test(link))) {
      const [path = '', heading] = link.split('#')
      const target = path === '' ? page : join(dirname(page), path)
      t.ok(existsSync(target), `${page}: ${link}`)
      if (heading !== undefined && existsSync(target)) t.ok(headingsOf(textOf(target)).includes(heading), `${page}: ${link}`)
    }
  }
})

t.test('every path that a document names exists, but for those with a NAME to fill in', async (t) => {
  const path = /`((?:bin|src|agent|test|scripts|bench|examples|docs|[.]ci)\/[\w./-]*|[.\w-]+[.](?:mjs|json|md))`/g
  // Written by users, into their homes.
  const elsewhere = ['ipdc.json']
  for (const page of pages.filter((page) => page !== 'CHANGELOG.md')) {
    for (const named of all(textOf(page), path)) {
      if (named.includes('NAME') || elsewhere.includes(named)) continue
      t.ok(existsSync(named) || existsSync(join(dirname(page), named)), `${page}: ${named}`)
    }
  }
})

t.test('the house has a line for every room, and a room for every line', async (t) => {
  const [, house = ''] = /## The house\n+```\n([\s\S]*?)```/.exec(textOf('docs/ARCHITECTURE.md')) ?? []
  const lines = all(house, /^(\S+)/gm)
  t.same(
    lines.filter((path) => !existsSync(path)),
    [],
    'every line is there',
  )
  const rooms = ['src', 'src/core', 'src/plugins', 'src/commands', 'agent', 'test'].flatMap(foldersIn)
  const top = foldersIn('.').filter((path) => !/^(?:[.]|src|node_modules|dist|ipdc-)/.test(path))
  // A mirror of the tree needs no line of its own.
  const mirrors = (path: string) => path.startsWith('test/') && (existsSync(path.slice('test/'.length)) || existsSync(path.replace('test/', 'src/')))
  t.same(
    [...rooms, ...top].filter((path) => !lines.includes(`${path}/`) && !mirrors(path)),
    [],
    'every room has a line',
  )
})

t.test('every command that the README types is one, with the flags it types', async (t) => {
  const blocks = all(readme, /```sh\n([\s\S]*?)```/g).flatMap((block) => all(block, /\bipdc ([^#\n|]+)/g))
  const inline = all(readme, /`(?:npx )?ipdc ([a-z][^`…]*)`/g)
  t.ok(blocks.length > 5, 'it types some')
  for (const words of [...blocks, ...inline]) await isCommand(t, words.trim().split(/\s+/))
})

t.test('every npm script that a document names is one', async (t) => {
  for (const page of pages)
    for (const name of all(textOf(page), /npm run ([a-z]+(?::[a-z]+)*)/g)) t.ok(Object.hasOwn(scripts, name), `${page}: npm run ${name}`)
})

t.test('the two commands of the README are those of package.json and of .ci/run', async (t) => {
  t.match(readme, /^npm ci && npm run demo\b/m)
  t.match(readme, /^npm ci && npm test\b/m)
  t.ok(scripts.demo?.includes('bin/run.js demo') && scripts.test?.includes('scripts/test.ts'))
  const run = textOf('.ci/run').replaceAll(' </dev/null', '')
  t.same(all(run, /^(npm ci && npm test)\b/gm), ['npm ci && npm test'])
})

t.test('PROTOCOL.md tells of every message, and of no other', async (t) => {
  const protocol = textOf('docs/PROTOCOL.md')
  const told = new Set(all(protocol, /`((?:task|node|lease|job)[.](?:[a-z]+))`/g))
  t.same([...told].sort(), Object.keys(bodies).sort())
})

async function isCommand(t: Test, words: readonly string[]): Promise<void> {
  const typed = `ipdc ${words.join(' ')}`
  let ids: readonly string[] = []
  t.doesNotThrow(() => {
    ids = commandsMeant(words, Object.keys(COMMANDS))
  }, typed)
  const [id, ...more] = ids
  if (id === undefined || more.length > 0) return
  const { flags = {} } = (await COMMANDS[id as CommandId]()).default as { readonly flags?: object }
  const known = ['json', 'help', ...Object.keys(flags)]
  for (const flag of words.filter((word) => word.startsWith('--'))) t.ok(known.includes(flag.slice(2).split('=')[0] ?? ''), `${typed}: ${flag}`)
}

function headingsOf(text: string): string[] {
  return all(text, /^#+ (.*)$/gm).map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replace(/\s/g, '-'),
  )
}

function foldersIn(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(path, name))
}
