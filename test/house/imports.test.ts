/** Who imports whom: the tree keeps every rule, and every rule catches the breach that is planted for it. */
import { readdirSync } from 'node:fs'
import { cruise, type ICruiseResult } from 'dependency-cruiser'
import t from 'tap'
import { options, rulesAt } from '../../.dependency-cruiser.mjs'

const breaches = 'test/fixtures/breach'
const leastModules = 100

t.test('the tree keeps every import rule', async (t) => {
  const { modules, summary } = await look(['src', 'agent', 'bin', 'test', 'bench', 'examples', 'scripts'].filter(exists), '^', breaches)
  t.same(summary.violations.map(told), [])
  // A compiler that dependency-cruiser cannot use would let it see nothing, and pass.
  t.ok(modules.filter(({ source }) => /^(?:src|agent)\/.*\.ts$/.test(source)).length > leastModules, `it saw more than ${leastModules} modules of ours`)
})

t.test('every rule catches its breach, and only that', async (t) => {
  const names = rulesAt('^').map(({ name }) => name)
  const { summary } = await look([breaches], `^${breaches}/[^/]+/`)
  const planted = readdirSync(breaches)
  t.same([...new Set(planted.map(ruleOf))].sort(), [...names].sort(), 'each rule has a planted breach')
  for (const breach of planted) {
    const caught = summary.violations.filter(({ from }) => from.startsWith(`${breaches}/${breach}/`)).map(({ rule }) => rule.name)
    t.same([...new Set(caught)], [ruleOf(breach)], `the breach ${breach} is caught`)
  }
})

/** `task-is-a-leaf.variant` breaks `task-is-a-leaf`. */
function ruleOf(breach: string): string {
  return breach.replace(/\..*/, '')
}

async function look(paths: string[], root: string, exclude = 'node_modules/.*/node_modules/'): Promise<ICruiseResult> {
  const { output } = await cruise(paths, { ...options, exclude: { path: exclude }, validate: true, ruleSet: { forbidden: rulesAt(root) } })
  return output as ICruiseResult
}

function told({ rule, from, to }: ICruiseResult['summary']['violations'][number]): string {
  return `${rule.name}: ${from} → ${to}`
}

function exists(folder: string): boolean {
  return readdirSync('.').includes(folder)
}
