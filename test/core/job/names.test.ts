import fc from 'fast-check'
import t from 'tap'
import { createNames } from '../../../src/core/job/names.ts'

t.test('a set of names has what was added, and nothing else', async () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 500 }), fc.array(fc.string()), (added, others) => {
      const names = createNames()
      for (const name of added) names.add(name)
      const set = new Set(added)
      return names.size === set.size && added.every((name) => names.has(name)) && others.every((name) => names.has(name) === set.has(name))
    }),
    { seed: 7 },
  )
})
