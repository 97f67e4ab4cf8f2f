import { join } from 'node:path'
import t, { type Test } from 'tap'
import { queueRoutes } from '../../../agent/control/queue-routes.ts'
import { listen } from '../../../agent/control/server.ts'
import { createClient } from '../../../src/core/client/client.ts'
import { IpdcError } from '../../../src/core/errors.ts'
import { silent } from '../../../src/core/log.ts'
import { folder } from '../rooms.ts'

async function open(t: Test) {
  const socket = join(await folder(t), 'agent.sock')
  const asked: unknown[] = []
  const control = await listen({
    socket,
    routes: queueRoutes({
      self: 'ada',
      desk: {
        list: async () => [],
        async carryOut(order) {
          asked.push(['here', order])
          return { dropped: 2 }
        },
      },
      asking: {
        async queue(id) {
          asked.push(['list of', id])
          return []
        },
        async order(id, order) {
          asked.push([id, order])
          throw new IpdcError('REFUSED', { message: 'no operator', hint: 'go there' })
        },
      },
    }),
    log: silent,
  })
  t.teardown(() => control.close())
  return { client: createClient(socket), asked }
}

t.test('the queue of this node is its own matter, that of another is asked for there', async (t) => {
  const { client, asked } = await open(t)
  t.same(await client.queue('ada'), [])
  t.same(await client.queue('ben'), [])
  t.same(await client.order('ada', { do: 'drop', job: 'all' }), { dropped: 2 })
  await t.rejects(client.order('ben', { do: 'pause' }), { code: 'REFUSED', hint: 'go there' })
  t.same(asked, [
    ['list of', 'ben'],
    ['here', { do: 'drop', job: 'all' }],
    ['ben', { do: 'pause' }],
  ])
})

t.test('what is no order goes nowhere', async (t) => {
  const { client, asked } = await open(t)
  await t.rejects(client.order('ada', { do: 'drop', job: '' }), { code: 'BAD_DATA' })
  await t.rejects(client.order('ada', { do: 'sing' } as never), { code: 'BAD_DATA' })
  t.same(asked, [])
})
