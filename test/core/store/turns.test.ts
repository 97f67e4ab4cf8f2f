/**
 * No work of the store holds the event loop for long. Measured as processor time of the main thread between two turns, in a process
 * of its own: so what other programs do meanwhile does not count.
 */
import { join } from 'node:path'
import t from 'tap'
import { run } from './child.ts'
import { folder } from './folder.ts'

const maxMs = 50
const names = 20_000
const isMeasurable = typeof (process as { threadCpuUsage?: unknown }).threadCpuUsage === 'function'

t.test(
  'large files, large trees, listings, collections and openings leave others their turns',
  { skip: isMeasurable ? false : 'this Node does not tell a thread’s processor time' },
  async (t) => {
    const body = `
    let longest = 0
    let last = process.threadCpuUsage()
    let on = true
    const turn = () => {
      const now = process.threadCpuUsage()
      longest = Math.max(longest, now.user + now.system - last.user - last.system)
      last = now
      if (on) setImmediate(turn)
    }
    turn()
    const measured = async (title, work) => {
      await new Promise((resolve) => setImmediate(resolve))
      longest = 0
      const made = await work()
      await new Promise((resolve) => setImmediate(resolve))
      mark(title + ' ' + (longest / 1000).toFixed(1))
      return made
    }
    const bytes = noise('big', 1 << 20)
    async function* stream() { for (let i = 0; i < 64; i++) { bytes.writeUInt32LE(i); yield bytes } }
    function* tree() { for (let i = 0; i < ${names}; i++) yield { path: 'd' + (i % 7) + '/name-' + i, content: Buffer.from('x' + i) } }
    function* flat() { for (let i = 0; i < ${names}; i++) yield { path: 'name-' + i, content: Buffer.from('x' + i) } }
    await store.addFile(noise('warm', 1000))
    const big = await measured('file', () => store.addFile(stream(), { pin: 'big' }))
    const held = await measured('tree', () => store.addTree(tree(), { pin: 'tree' }))
    const trie = await measured('trie', () => store.addTree(flat(), { pin: 'trie' }))
    await measured('cat', async () => { for await (const _ of store.cat(big.cid)); })
    await measured('ls', async () => { for await (const _ of store.ls(trie.cid)); })
    await measured('stat', () => Promise.all([store.stat(held.cid), store.stat(trie.cid)]))
    await measured('export', async () => { for await (const _ of store.exportCar(held.cid)); })
    await measured('pin', () => store.pin(trie.cid, 'again'))
    await store.unpin('trie')
    await store.unpin('again')
    await measured('gc', () => store.gc())
    await store.close()
    const again = await measured('open', () => createEmbeddedStore({ path, limit: 2 ** 31, log: silent }))
    await again.close()
    on = false`
    const { stdout, stderr, code } = await run(join(await folder(t), 'store'), body)
    t.equal(code, 0, stderr)
    const lines = stdout.trim().split('\n')
    t.equal(lines.length, 10)
    for (const line of lines) t.ok(Number(line.split(' ')[1]) < maxMs, `${line} ms at most`)
  },
)
