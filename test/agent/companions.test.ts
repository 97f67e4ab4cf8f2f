/** Companions as real processes. That they end with a parent that was killed is shown in test/system/parent.test.ts. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startCompanions } from '../../agent/companions.ts'
import { throwAway } from '../../agent/membership.ts'
import { createClient } from '../../src/core/client/client.ts'
import { socketOf } from '../../src/core/client/home.ts'
import type { Log } from '../../src/core/log.ts'
import { silent } from '../../src/core/log.ts'
import { createEmbeddedBroker } from '../../src/core/wire/embedded.ts'
import { folder } from './rooms.ts'

t.setTimeout(120_000)

/** A broker, the membership of a throw-away domain, and a folder in which all homes of companions are made. */
async function open(t: Test) {
  const dir = await folder(t)
  const before = process.env.TMPDIR
  process.env.TMPDIR = dir
  t.teardown(() => {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  })
  t.equal(tmpdir(), dir)
  const broker = await createEmbeddedBroker({ host: '127.0.0.1', port: 0 })
  t.teardown(() => broker.close())
  const ended = Promise.withResolvers<void>()
  const log: Log = {
    ...silent,
    info(_, message) {
      if (message === 'companion ended') ended.resolve()
    },
  }
  return {
    homes: () => readdirSync(dir).map((name) => join(dir, name)),
    ended: ended.promise,
    options: { membership: await throwAway(dir, Date.now()), broker: broker.url, slots: 1, wall: Date.now(), log },
  }
}

const pidIn = (home: string) => Number.parseInt(readFileSync(join(home, 'agent.lock'), 'utf8'), 10)
const isThere = (pid: number) => existsSync(`/proc/${pid}`)

t.test('companions are members of the domain with slots of their own, each in its home; stopped, nothing of them is left', async (t) => {
  const { homes, options } = await open(t)
  const companions = await startCompanions({ count: 2, ...options })
  const all = homes().filter((home) => existsSync(join(home, 'agent.lock')))
  t.equal(all.length, 2)
  const views = await Promise.all(all.map((home) => createClient(socketOf(home)).agent()))
  t.same(views.map(({ name }) => name).sort(), ['companion-1', 'companion-2'])
  for (const { domain, broker } of views)
    t.match({ domain, broker }, { domain: { id: options.membership.domain.id }, broker: { is: 'up', url: options.broker } })
  const pids = all.map(pidIn)
  t.ok(pids.every(isThere))
  await companions.stop()
  t.notOk(pids.some(isThere))
  t.notOk(all.some((home) => existsSync(home)))
})

t.test('the home of a companion that was killed is removed here', async (t) => {
  const { homes, options, ended } = await open(t)
  const companions = await startCompanions({ count: 1, ...options })
  const [home = ''] = homes().filter((home) => existsSync(join(home, 'agent.lock')))
  process.kill(pidIn(home), 'SIGKILL')
  await ended
  await companions.stop()
  t.notOk(existsSync(home))
})

t.test('when one cannot start none is left, and the reason is its own', async (t) => {
  const { homes, options } = await open(t)
  const before = homes()
  await t.rejects(startCompanions({ count: 2, ...options, broker: 'mqtt://127.0.0.1:1' }), { code: 'NO_BROKER' })
  t.same(homes(), before)
})
