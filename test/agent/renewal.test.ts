import t from 'tap'
import { createRenewal } from '../../agent/renewal.ts'
import { silent } from '../../src/core/log.ts'
import { createIdentity } from '../../src/core/trust/identity.ts'
import { holdTime, turn } from '../fakes/time.ts'

t.test('a certificate that grew old is told when it is renewed, and not before; it is looked at each minute until the stop', async (t) => {
  const time = holdTime(t)
  const asked: number[] = []
  let told = 0
  const renew = async (wall: number) => asked.push(wall) === 2
  const renewal = createRenewal({ membership: { renew, root: createIdentity() }, clock: time, renewed: () => void told++, log: silent })
  const from = time.wall()
  renewal.start()
  await time.pass(60_000)
  t.equal(told, 0)
  await time.pass(60_000)
  t.equal(told, 1)
  await time.pass(60_000)
  t.equal(told, 1)
  renewal.stop()
  await time.pass(600_000)
  t.same(asked, [from + 60_000, from + 120_000, from + 180_000])
})

t.test('one that could not be kept is shown all the same; a home without the root key never looks', async (t) => {
  const time = holdTime(t)
  let told = 0
  const renewal = createRenewal({
    membership: {
      root: createIdentity(),
      renew: async () => {
        throw new Error('disk full')
      },
    },
    clock: time,
    renewed: () => void told++,
    log: silent,
  })
  t.teardown(() => renewal.stop())
  renewal.start()
  await time.pass(60_000)
  await turn()
  t.equal(told, 1)

  let asked = 0
  const member = createRenewal({ membership: { renew: async () => ++asked > 0 }, clock: time, renewed: () => {}, log: silent })
  member.start()
  await time.pass(600_000)
  t.equal(asked, 0)
})
