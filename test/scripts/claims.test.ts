/** The counts of `npm test` are of claims, and nothing that fails goes uncounted. */
import t from 'tap'
import { type Claims, claimReader, sum } from '../../scripts/claims.ts'

const tap = `TAP version 14
1..5
# Subtest: test/a.test.ts
    # Subtest: a queue
        # Subtest: keeps what it has
            ok 1 - one
            ok 2 - two
            1..2
        ok 1 - keeps what it has # time=1ms
        # Subtest: refuses when full
            not ok 1 - should be equal
              ---
              diff: |
                --- expected
                +++ actual
                @@ -1,1 +1,1 @@
                -full
                +accepted
              at:
                fileName: test/a.test.ts
                lineNumber: 7
              ...
            1..1
        not ok 2 - refuses when full # time=1ms
        ok 3 - on a slow disk # SKIP strace cannot be had on this machine
        1..3
    not ok 1 - a queue # time=3ms
    1..1
not ok 1 - test/a.test.ts # time=1200ms
# Subtest: test/b.test.ts
    ok 1 - by itself
    1..1
ok 2 - test/b.test.ts # time=5ms
# Subtest: test/c.test.ts
    # Subtest: waits
        # Subtest: for an event
            ok 1 - yes
            1..1
        ok 1 - for an event
        not ok 2 - timeout!
          ---
          expired: waits
          ...
        1..2
    not ok 1 - waits
    1..1
not ok 3 - test/c.test.ts
ok 4 - test/d.test.ts # SKIP no tests found
not ok 5 - test/e.test.ts
  ---
  exitCode: null
  signal: SIGKILL
  ...
`

const files = read(tap)

t.test('a claim is a subtest without subtests, or a file without any', async (t) => {
  t.equal(files['test/a.test.ts']?.passed, 1)
  t.equal(files['test/b.test.ts']?.passed, 1)
})

t.test('a claim that fails is named once, with what was found', async (t) => {
  const [failed, ...others] = files['test/a.test.ts']?.failed ?? []
  t.equal(failed?.name, 'test/a.test.ts › a queue › refuses when full')
  t.match(failed?.about, /test\/a\.test\.ts:7[\s\S]*-full\n\+accepted/)
  t.same(others, [], 'what holds it is not counted again')
})

t.test('a skipped claim is named with its reason', async (t) => {
  t.same(files['test/a.test.ts']?.skipped, [{ name: 'test/a.test.ts › a queue › on a slow disk', reason: 'strace cannot be had on this machine' }])
})

t.test('a subtest that fails by itself counts, though all its parts passed', async (t) => {
  const { passed, failed } = files['test/c.test.ts'] ?? sum([])
  t.same([passed, failed.map(({ name }) => name)], [1, ['test/c.test.ts › waits']])
})

t.test('a file that asserts nothing has failed', async (t) => {
  t.same(files['test/d.test.ts']?.failed, [{ name: 'test/d.test.ts', about: 'no tests found' }])
})

t.test('a file that dies has failed', async (t) => {
  t.match(files['test/e.test.ts']?.failed, [{ name: 'test/e.test.ts', about: /SIGKILL/ }])
})

t.test('the sum has all of them', async (t) => {
  const { passed, failed, skipped } = sum(Object.values(files))
  t.same([passed, failed.length, skipped.length], [3, 4, 1])
})

function read(text: string): Record<string, Claims> {
  const found: Record<string, Claims> = {}
  claimReader((file, claims) => {
    found[file] = claims
  }).end(text)
  return found
}
