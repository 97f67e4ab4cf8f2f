/** A file of any size passes through the same few MiB. Measured in a process of its own, not in the test runner's environment. */
import { join } from 'node:path'
import t from 'tap'
import { ring } from '../../ring.ts'
import { run } from './child.ts'
import { folder } from './folder.ts'

const size = ring(2 ** 28, 2 ** 30)

const body = `
  const piece = Buffer.alloc(65_536)
  async function* stream() {
    for (let i = 0; i < ${size / 65_536}; i++) {
      piece.writeUInt32LE(i, 0)
      yield piece
    }
  }
  const { cid, size } = await store.addFile(stream(), { pin: 'p' })
  const peak = () => Number(/VmHWM:\\s+(\\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024
  mark(String(peak()))
  let read = 0
  for await (const chunk of store.cat(cid)) read += chunk.length
  mark(String(peak()))
  mark(String(read === size))`

const heaps = {
  'the usual heap': { flags: [], adding: 150e6, reading: 220e6 },
  'the heap of a small board': { flags: ['--max-semi-space-size=1', '--max-old-space-size=40'], adding: 120e6, reading: 170e6 },
}

for (const [heap, { flags, adding, reading }] of Object.entries(heaps)) {
  t.test(
    `${size / 2 ** 20} MiB are added and read in bounded memory, with ${heap}`,
    { skip: process.platform === 'linux' ? false : 'needs /proc' },
    async (t) => {
      const { stdout, stderr, code } = await run(join(await folder(t), 'store'), body, { flags })
      t.equal(code, 0, stderr)
      const [added = '', read = '', isWhole] = stdout.trim().split('\n')
      t.ok(Number(added) < adding, `${(Number(added) / 1e6).toFixed(0)} MB at most while adding`)
      t.ok(Number(read) < reading, `${(Number(read) / 1e6).toFixed(0)} MB at most while reading`)
      t.equal(isWhole, 'true')
    },
  )
}
