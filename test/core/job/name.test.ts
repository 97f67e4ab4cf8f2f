import t from 'tap'
import { encode } from '../../../src/core/cbor.ts'
import { base32, nameTask } from '../../../src/core/job/name.ts'

const free = () => false

t.test('the same task has the same name, another has another, in whatever order its fields were set', async (t) => {
  const one = nameTask('map', encode({ a: 1, b: 'x' }), undefined, free)
  t.equal(one, 'map/ds54zjnhcjre7omfoxcfk5rwkg', 'for good: journals hold it')
  t.equal(nameTask('map', encode({ b: 'x', a: 1 }), undefined, free), one)
  t.not(nameTask('map', encode({ a: 2, b: 'x' }), undefined, free), one)
  t.not(nameTask('reduce', encode({ a: 1, b: 'x' }), undefined, free), one)
})

t.test('an id stands for the task; occurrences are counted', async (t) => {
  const taken = new Set<string>()
  const names = ['7', '7', '8', '7'].map((id) => {
    const name = nameTask('s', encode(1), id, (name) => taken.has(name))
    taken.add(name)
    return name
  })
  t.same(names, ['s/7', 's/7~2', 's/8', 's/7~3'])
})

t.test('an id that could be mistaken is refused', async (t) => {
  for (const id of ['', 'a b', 'a~2', 'ä', 'x'.repeat(121), 'a\n', 'a\0b', 'a\x7f'])
    t.throws(() => nameTask('s', encode(1), id, free), { code: 'USAGE' }, JSON.stringify(id))
})

t.test('base32 as RFC 4648 §10 has it, in small letters without padding', async (t) => {
  const vectors = { '': '', f: 'my', fo: 'mzxq', foo: 'mzxw6', foob: 'mzxw6yq', fooba: 'mzxw6ytb', foobar: 'mzxw6ytboi' }
  for (const [text, expected] of Object.entries(vectors)) t.equal(base32(new TextEncoder().encode(text)), expected)
})
