/** Every example that a command's help shows is run as it stands, in a shell, against a domain of real agents. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { COMMANDS, type CommandId } from '../../src/commands/index.ts'
import { launch } from '../../src/core/client/launch.ts'
import { envFor, ipdc } from './cli.ts'
import { examplesOf, inShell, type Place, placeFor } from './shell.ts'

/** `demo`, and those that start or end the agent of the home, have tests of their own. */
const alone: readonly CommandId[] = ['demo', 'up', 'down', 'dev']

const ids = (Object.keys(COMMANDS) as CommandId[]).filter((id) => !alone.includes(id))

t.test('in a domain of three nodes, one of them called ada', async (t) => {
  const place = await placeFor(t)
  await fill(place)
  const domain = await launch({ home: place.home, companions: 2, name: 'ada', lifeline: true, env: envFor(place) })
  t.teardown(() => domain.kill())
  const counted = JSON.parse((await ipdc(['mr', 'wordcount', 'book.txt', '--json'], place)).stdout) as { job: string; root: string; parts: { cid: string }[] }
  // What is only made up in an example, and what it is here.
  const real = (line: string) =>
    line
      .replaceAll('wordcount-7f3a', counted.job)
      .replaceAll(/bafybei[a-z2-7]{52}/g, counted.root)
      .replaceAll(/bafkrei[a-z2-7]{52}/g, counted.parts[0]?.cid ?? '')
  for (const id of ids) {
    for (const line of await examplesOf(id)) {
      for (const folder of ['counts', `ipdc-${counted.job}`]) await rm(join(place.cwd, folder), { recursive: true, force: true })
      const { status, stdout, stderr } = await inShell(real(line), place)
      t.equal(status, 0, `${line}\n${stderr}`)
      if (line.includes('--json'))
        t.doesNotThrow(
          () =>
            stdout
              .trim()
              .split('\n')
              .map((text) => JSON.parse(text)),
          `JSON comes of: ${line}`,
        )
    }
  }
  await domain.client.stop({ now: true })
  await domain.exited()
})

/** The files that examples speak of. */
async function fill({ cwd }: Place): Promise<void> {
  await mkdir(join(cwd, 'notes/deep'), { recursive: true })
  await writeFile(join(cwd, 'book.txt'), 'The cat and the hat and more than a thousand other words\n'.repeat(200))
  await writeFile(join(cwd, 'notes/deep/a.md'), 'A note')
}
