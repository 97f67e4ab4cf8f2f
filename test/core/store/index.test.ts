/** The index of blocks behaves as a map by digest, whatever is added, removed and added again. */
import { createHash } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import t from 'tap'
import { createIndex, type Place } from '../../../src/core/store/index.ts'

const digestOf = (key: number) => createHash('sha256').update(String(key)).digest()

t.test('as a map', async () => {
  const step = fc.record({ is: fc.constantFrom('add', 'add', 'remove', 'move', 'touch'), key: fc.nat(400), number: fc.nat(2 ** 32 - 1) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1500, size: 'max' }), (steps) => {
      const index = createIndex()
      const model = new Map<number, Place & { touched: number }>()
      for (const { is, key, number } of steps) {
        const digest = digestOf(key)
        const entry = index.find(digest)
        const place = { segment: (number % 1000) + 1, offset: number, length: number % (2 << 20) }
        if (entry >= 0 !== model.has(key)) throw new Error(`${key} is ${entry >= 0 ? '' : 'not '}found`)
        if (is === 'add' && entry < 0) {
          index.add(digest, place)
          model.set(key, { ...place, touched: 0 })
        } else if (is === 'remove' && entry >= 0) {
          index.remove(entry)
          model.delete(key)
        } else if (is === 'move' && entry >= 0) {
          index.move(entry, place)
          model.set(key, { ...place, touched: model.get(key)?.touched ?? 0 })
        } else if (is === 'touch' && entry >= 0) {
          index.touch(entry, number)
          model.set(key, { ...(model.get(key) ?? place), touched: number })
        }
      }
      if (index.size !== model.size) throw new Error(`${index.size} of ${model.size}`)
      let held = 0
      for (let entry = 0; entry < index.bound; entry++) if (index.isHeld(entry)) held++
      if (held !== model.size) throw new Error(`${held} entries of ${model.size}`)
      for (const [key, { touched, ...place }] of model) {
        const entry = index.find(digestOf(key))
        if (JSON.stringify(index.place(entry)) !== JSON.stringify(place) || index.touched(entry) !== touched) throw new Error(`${key} lies elsewhere`)
        if (Buffer.compare(index.digest(entry), digestOf(key)) !== 0) throw new Error(`${key} has another digest`)
      }
    }),
    { numRuns: 60 },
  )
})

t.test('a hundred thousand blocks take less than 8 MB, outside the heap', async (t) => {
  const index = createIndex()
  const before = await heldOutside()
  for (let key = 0; key < 100_000; key++) index.add(digestOf(key), { segment: 1, offset: key, length: 1 })
  const each = ((await heldOutside()) - before) / 100_000
  t.ok(each < 80, `${each.toFixed(0)} bytes a block, just after growing`)
  t.equal(index.place(index.find(digestOf(77_777))).offset, 77_777)
})

/** Bytes of array buffers that are in use: tables that were outgrown are collected first, or they would count. */
async function heldOutside(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let i = 0; i < 3; i++) {
    collect()
    await new Promise(setImmediate)
  }
  return process.memoryUsage().arrayBuffers
}
