/** The linter catches what it is kept for: each planted fault is named. Its rules for promises need types, and could fall silent. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'

const planted = {
  'lint/nursery/noFloatingPromises': `import { later } from './later.ts'
export function start(): void {
  later()
}
`,
  'lint/nursery/noMisusedPromises': `import { later } from './later.ts'
export function startAll(names: string[]): void {
  names.forEach(async () => {
    await later()
  })
}
`,
  'lint/correctness/noUnusedImports': "import { later } from './later.ts'\n\nexport const now = 1\n",
  'lint/correctness/noUnusedVariables': 'const unused = 1\n\nexport const used = 2\n',
  'lint/suspicious/noExplicitAny': 'export const anything: any = 1\n',
  format: 'export const quoted = "twice";\n',
}

t.test('each planted fault is caught, and nothing else', async (t) => {
  const { vcs, ...rules } = JSON.parse(readFileSync('biome.json', 'utf8'))
  t.ok(vcs, 'only what git knows is checked: here there is no git')
  const files = Object.fromEntries(Object.values(planted).map((text, index) => [`fault-${index}.ts`, text]))
  const folder = t.testdir({ ...files, 'later.ts': 'export async function later(): Promise<void> {}\n', 'biome.json': JSON.stringify(rules) })
  const { stdout, stderr } = spawnSync(resolve('node_modules/.bin/biome'), ['ci', '--colors=off', '--max-diagnostics=100', '.'], {
    cwd: folder,
    encoding: 'utf8',
  })
  const caught = [...`${stdout}${stderr}`.matchAll(/^(\S+?\.ts)(?::\d+:\d+)? (lint\/\S+|format|assist\S*) /gm)].map(([, file, rule]) => `${file} ${rule}`)
  t.same(
    caught.sort(),
    Object.keys(planted).map((rule, index) => `fault-${index}.ts ${rule}`),
  )
})
