import t from 'tap'
import { createManifest, type ManifestFields, manifestMs } from '../../../src/core/job/manifest.ts'

function signing(from: number) {
  const clock = { wall: from }
  const signed: ManifestFields[] = []
  const manifest = createManifest({
    job: 'j',
    kind: 'toy@1',
    wall: () => clock.wall,
    sign(fields) {
      signed.push(fields)
      return new Uint8Array([signed.length])
    },
  })
  return { clock, signed, manifest }
}

t.test('a manifest is signed once, and anew when half of its time is over: it holds whenever it is asked for', async (t) => {
  const from = Date.parse('2026-01-01')
  const { clock, signed, manifest } = signing(from)
  t.same(manifest(), [1])
  clock.wall += manifestMs / 2
  t.same(manifest(), [1])
  clock.wall += 1
  t.same(manifest(), [2])
  t.same(manifest(), [2])
  t.same(signed, [
    { job: 'j', kind: 'toy@1', notAfter: from + manifestMs },
    { job: 'j', kind: 'toy@1', notAfter: clock.wall + manifestMs },
  ])
})

t.test('a clock that was set after the start, as on a board without one, costs one more signature and no refusal', async (t) => {
  const { clock, signed, manifest } = signing(0)
  t.same(manifest(), [1])
  clock.wall = Date.parse('2026-01-01')
  t.same(manifest(), [2])
  clock.wall = Date.parse('2025-01-01')
  t.same(manifest(), [3])
  t.equal(signed.at(-1)?.notAfter, clock.wall + manifestMs)
})
