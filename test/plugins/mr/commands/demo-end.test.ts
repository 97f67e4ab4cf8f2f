/** The demo leaves nothing, however it is ended. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir } from 'node:fs/promises'
import t from 'tap'
import { door, envFor } from '../../../commands/cli.ts'
import { inShell, placeFor, processesOf } from '../../../commands/shell.ts'

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
