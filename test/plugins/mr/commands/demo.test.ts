/** The demo, whole: real agents, a real broker. It must leave nothing, however it ends. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir } from 'node:fs/promises'
import t from 'tap'
import { door, envFor } from '../../../commands/cli.ts'
import { examplesOf, inShell, placeFor } from '../../../commands/shell.ts'

/** Processes whose command line speaks of a folder. */
async function processesOf(folder: string): Promise<string[]> {
  const ps = spawn('ps', ['-eo', 'pid,args', '-ww'], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  for await (const chunk of ps.stdout) text += chunk
  return text.split('\n').filter((line) => line.includes(folder))
}

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

t.test('^C ends it at any time and leaves nothing', async (t) => {
  const place = await placeFor(t)
  await mkdir(`${place.cwd}/tmp`)
  for (const until of ['Starting', '| map ']) {
    const { status, stderr, stdout } = await inShell(`env TMPDIR=${place.cwd}/tmp ipdc demo`, place, until)
    t.equal(status, 130)
    t.match(stderr, /Ended before it was done; nothing is left\n$/)
    t.equal(stdout, '')
    t.same(await readdir(`${place.cwd}/tmp`), [])
    t.same(await processesOf(`${place.cwd}/tmp`), [])
  }
})

t.test('killed, it takes its nodes with it', async (t) => {
  const { home, cwd } = await placeFor(t)
  await mkdir(`${cwd}/tmp`)
  const demo = spawn(process.execPath, [door, 'demo'], { cwd, env: envFor({ home, env: { TMPDIR: `${cwd}/tmp` } }), stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(demo, 'exit')
  for await (const text of demo.stderr) if (String(text).includes('| map ')) demo.kill('SIGKILL')
  await ended
  while ((await processesOf(`${cwd}/tmp`)).length > 0) await new Promise((resolve) => setTimeout(resolve, 50))
  t.same(await readdir(`${cwd}/tmp`), [])
})
