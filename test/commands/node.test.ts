import t from 'tap'
import { maxQueueEntries } from '../../src/core/client/api.ts'
import { launch } from '../../src/core/client/launch.ts'
import { envFor, fakeHome, ipdc } from './cli.ts'
import { placeFor } from './shell.ts'

t.setTimeout(120_000)

t.test('node list tells of every node how full it is and why it takes nothing; node queue pauses, resumes and drops, here and elsewhere', async (t) => {
  const place = await placeFor(t)
  const domain = await launch({ home: place.home, companions: 1, name: 'ada', lifeline: true, env: envFor(place) })
  t.teardown(() => domain.kill())
  const other = (await domain.client.nodes()).find(({ self }) => !self)?.name ?? ''
  const list = await ipdc(['node', 'list'], place)
  t.match(list.stdout, /NODE +ID +STATE +SLOTS +QUEUE +MEMORY +KINDS +SEEN +NOTE\nada\* +\w{8} +up +\d+(\/\d+)? +0\+0 /)
  t.match(list.stdout, new RegExp(`\\n${other} +\\w{8} +up +\\d+(/\\d+)? +0\\+0 `), 'the other was asked')
  t.match((await ipdc(['node', 'show', other], place)).stdout, /\nqueue +embedded: 0 running, 0 waiting, at most \d+\n/)

  t.match(await ipdc(['node', 'queue', '--pause'], place), { status: 0, stdout: '', stderr: /ada is paused\nada takes nothing: it is paused/ })
  t.match(await ipdc(['node', 'queue', other, '--pause'], place), { status: 0, stderr: /takes nothing: it is paused/ }, 'by the node that founded the domain')
  t.match((await ipdc(['node', 'list'], place)).stdout, /ada\* .* 0\/\d+ .*takes nothing: it is paused\n.* 0\/\d+ .*takes nothing: it is paused/)

  const job = await domain.client.submit({ kind: 'echo', job: { tasks: 3, waitMs: 0 } })
  for await (const event of domain.client.events(job)) if (event.is === 'job' && event.job.waits !== undefined) break
  t.match((await ipdc(['job', 'show', job], place)).stdout, /waits +2 nodes are paused\n/)
  t.match(await ipdc(['node', 'queue', '--resume'], place), { status: 0, stderr: 'ada is resumed\n' })
  for await (const event of domain.client.events(job)) if (event.is === 'closed') t.equal(event.job.state, 'done', 'and the job goes on')

  const long = await domain.client.submit({ kind: 'echo', job: { tasks: 2, waitMs: 60_000 } })
  for await (const event of domain.client.events(long, { tasks: true })) if (event.is === 'task' && event.state === 'running') break
  t.match(
    (await ipdc(['node', 'queue'], place)).stdout,
    new RegExp(`JOB +STAGE +TASK +TRY +STATE +AGE +FROM\n${long} +echo +echo/\\d +1 +running +\\S.* ada\n`),
  )
  t.match(JSON.parse((await ipdc(['node', 'queue', 'ada', '--json'], place)).stdout), { queue: [{ job: long, is: 'running', seconds: Number }] })
  t.match(await ipdc(['node', 'queue', '--drop', long.slice(0, -1), '--json'], place), { status: 0, stdout: /"dropped":[12]/ })
  t.match(await ipdc(['node', 'queue', '--drop', 'no-such-job'], place), { status: 66, stderr: /NOT_FOUND/ })
  t.match(await ipdc(['node', 'queue', '--pause', '--resume'], place), { status: 2 })
  await domain.client.cancel(long)
  await domain.client.stop({ now: true })
  await domain.exited()
})

t.test('a queue longer than its list says how long it is; nothing that another node named it moves the cursor', async (t) => {
  const entry = { job: 'mr-1', stage: 'map', task: 'map/\u001b[2J', attempt: 1, is: 'waiting', coordinator: 'a'.repeat(52), seconds: 1 } as const
  const { home } = await fakeHome(t, { queue: { entries: Array.from({ length: maxQueueEntries }, () => entry), waiting: 4_321 } })
  const { stdout, stderr } = await ipdc(['node', 'queue'], { home })
  t.equal(stdout.split('\n').length, 1 + maxQueueEntries + 1)
  t.notMatch(stdout, '\u001b')
  t.equal(stderr, 'Only the first 1000 are listed, of 4321\n')
  t.match(JSON.parse((await ipdc(['node', 'queue', '--json'], { home })).stdout), { held: 4_321 })
})
