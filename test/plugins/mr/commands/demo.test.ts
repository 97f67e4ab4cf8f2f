/** The demo, whole: real agents, a real broker. */
import { mkdir, readdir } from 'node:fs/promises'
import t from 'tap'
import { examplesOf, inShell, placeFor, processesOf } from '../../../commands/shell.ts'

t.test('its examples work, and leave no process and no file', async (t) => {
  const place = await placeFor(t)
  await mkdir(`${place.cwd}/tmp`)
  const roots: string[] = []
  for (const line of await examplesOf('demo')) {
    const { status, stdout, stderr } = await inShell(`env TMPDIR=${place.cwd}/tmp ${line}`, place)
    t.equal(status, 0, stderr)
    if (line.includes('--json')) {
      const shown = JSON.parse(stdout) as { root: string; words: { word: string; count: number }[]; nodes: Record<string, number>; texts: number }
      roots.push(shown.root)
      t.equal(shown.words.length, 10)
      t.ok(shown.texts > 100, 'many texts')
      t.equal(Object.keys(shown.nodes).length, 3, 'all three nodes took part')
    } else {
      roots.push(/Result {2}(\w+)/.exec(stdout)?.[1] ?? '')
      t.match(stdout, /The ten most frequent words\n *the +[\d,]+ +█{40}\n(.*█\n){9}/)
      t.match(stdout, /Nodes {3}\S+ \d+ · \S+ \d+ · \S+ \d+ tasks, in/)
      t.match(stderr, /\| map (\d+)\/\1 \| reduce 3\/3 \|/)
    }
    t.same(await readdir(`${place.cwd}/tmp`), [])
    t.same(await processesOf(`${place.cwd}/tmp`), [])
  }
  t.equal(roots[0], roots[1], 'and both give the same root')
})
