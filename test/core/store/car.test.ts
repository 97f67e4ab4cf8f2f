/** CARs as they travel, against the library of the specification; and what is no CAR. */
import { CarWriter } from '@ipld/car'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import t from 'tap'
import { codeOf } from '../../../src/core/errors.ts'
import { carHead, carStart, readCar } from '../../../src/core/store/car.ts'
import { cidOf, sha256 } from '../../../src/core/store/cid.ts'
import { all, pieces } from '../../conformance/store.ts'

const blocks = fc
  .array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 10 })
  .map((all) => all.map((bytes) => ({ cid: cidOf('raw', sha256(bytes)), bytes })))

async function theirs(made: { cid: string; bytes: Uint8Array }[]): Promise<Buffer> {
  const { writer, out } = CarWriter.create([CID.parse(made[0]?.cid ?? '')])
  const written = all(out)
  for (const { cid, bytes } of made) await writer.put({ cid: CID.parse(cid), bytes })
  await writer.close()
  return Buffer.concat(await written)
}

const ours = (made: { cid: string; bytes: Uint8Array }[]) =>
  Buffer.concat([carStart(made[0]?.cid ?? ''), ...made.flatMap(({ cid, bytes }) => [carHead(cid, bytes.length), bytes])])

t.test('others make the same CAR, and it is read back in whatever pieces it comes', async () => {
  await fc.assert(
    fc.asyncProperty(blocks, fc.integer({ min: 1, max: 500 }), async (made, size) => {
      const car = ours(made)
      if (!car.equals(await theirs(made))) throw new Error('another CAR')
      const read: typeof made = []
      for await (const { cid, bytes } of readCar(pieces(car, size))) read.push({ cid, bytes: Uint8Array.from(bytes) })
      if (JSON.stringify(read.map(({ cid }) => cid)) !== JSON.stringify(made.map(({ cid }) => cid))) throw new Error('other blocks')
      for (const [i, { bytes }] of read.entries()) if (Buffer.compare(bytes, made[i]?.bytes ?? Buffer.from('?')) !== 0) throw new Error('other bytes')
    }),
    { numRuns: 200 },
  )
})

t.test('a CAR may end between blocks, nowhere else', async (t) => {
  const made = ['one', 'two', ''].map((text) => ({ cid: cidOf('raw', sha256(Buffer.from(text))), bytes: Buffer.from(text) }))
  const car = ours(made)
  const ends = new Set([59, 59 + 40, 59 + 80, car.length])
  for (let length = 0; length <= car.length; length++) {
    const read = all(readCar(pieces(car.subarray(0, length), 7)))
    if (ends.has(length)) t.equal((await read).length, [...ends].indexOf(length))
    else await t.rejects(read, { code: 'BAD_DATA' }, `${length} bytes`)
  }
})

t.test('lengths that nobody means are refused before anything is kept for them', async (t) => {
  const start = carStart(cidOf('raw', sha256(Buffer.from('x'))))
  const huge = Buffer.concat([start, Buffer.from([0xff, 0xff, 0xff, 0x7f]), Buffer.alloc(100)])
  await t.rejects(all(readCar(pieces(huge, 50))), { code: 'TOO_LARGE' })
  await t.rejects(all(readCar(pieces(Buffer.concat([start, Buffer.alloc(50)]), 50))), { code: 'BAD_DATA' })
  await t.rejects(all(readCar(pieces(Buffer.alloc(50, 0xff), 50))), { code: 'BAD_DATA' })
  await t.rejects(all(readCar(pieces(Buffer.from([0x80, 0x80, 0x80, 0x01]), 50))), { code: 'BAD_DATA' })
})

t.test('no bytes break the reader, which ends its source', async (t) => {
  let open = 0
  const source = async function* (bytes: Uint8Array) {
    open++
    try {
      yield* pieces(bytes, 16)
    } finally {
      open--
    }
  }
  const mutated = fc.tuple(blocks, fc.array(fc.tuple(fc.nat(4000), fc.nat(255)), { minLength: 1, maxLength: 4 })).map(([made, changes]) => {
    const car = ours(made)
    for (const [at, value] of changes) car[at % car.length] = value
    return car
  })
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), async (bytes) => {
      try {
        await all(readCar(source(bytes)))
      } catch (error) {
        const code = codeOf(error)
        if (code !== 'BAD_DATA' && code !== 'TOO_LARGE') throw error
      }
    }),
    { numRuns: 1000 },
  )
  t.equal(open, 0)
})
