/** Files and trees of any shape have the CIDs and sizes that the reference importer gives them, and are read back whole. */
import fc from 'fast-check'
import { importer } from 'ipfs-unixfs-importer'
import t from 'tap'
import { silent } from '../../../src/core/log.ts'
import { cidOf, sha256 } from '../../../src/core/store/cid.ts'
import { addDirectory } from '../../../src/core/store/directory.ts'
import { createEmbeddedStore } from '../../../src/core/store/embedded.ts'
import { addFile, createLayout, dagBytes, type Sink } from '../../../src/core/store/file.ts'
import { murmur64 } from '../../../src/core/store/murmur.ts'
import { addTree } from '../../../src/core/store/tree.ts'
import { all, noise } from '../../conformance/store.ts'

const nowhere: Sink = {
  put: (codec, bytes) => ({ cid: cidOf(codec, sha256(bytes)), kept: Promise.resolve() }),
}
const blackHole = { put: async (cid: unknown) => cid } as unknown as Parameters<typeof importer>[1]

async function reference(entries: { path: string; content: Uint8Array }[]) {
  const options = { profile: 'unixfs-v1-2025', wrapWithDirectory: true } as const
  const made = await all(
    importer(
      entries.map(({ path, content }) => ({ path, content })),
      blackHole,
      options,
    ),
  )
  const root = made.at(-1)
  return { cid: String(root?.cid), tsize: Number(root?.size) }
}

t.test('files around every border of the layout', async (t) => {
  const mebibyte = 1 << 20
  for (const size of [0, 1, mebibyte - 1, mebibyte, mebibyte + 1, 2 * mebibyte, 3 * mebibyte + 12_345]) {
    const content = noise('border', size)
    const ours = await addFile(content, nowhere)
    const [theirs] = await all(importer([{ path: 'f', content }], blackHole, { profile: 'unixfs-v1-2025' }))
    t.same([ours.cid, ours.tsize, ours.size], [String(theirs?.cid), Number(theirs?.size), size], `${size} bytes`)
    t.equal(dagBytes(size), ours.tsize, 'and the size of its blocks is known from its length')
  }
})

t.test('the size of the blocks of a large file is known from its length', async (t) => {
  const cid = cidOf('raw', sha256(new Uint8Array(1)))
  const leaf = 1 << 20
  for (const leaves of [1023, 1024, 2047, 2048, 4000]) {
    for (const last of [1, leaf]) {
      const layout = createLayout(nowhere)
      for (let i = 0; i < leaves; i++) await layout.add({ cid, size: leaf, tsize: leaf })
      await layout.add({ cid, size: last, tsize: last })
      const { size, tsize } = await layout.end()
      t.equal(dagBytes(size), tsize, `${leaves} MiB and ${last}`)
    }
  }
})

t.test('trees of any shape', async () => {
  const name = fc.oneof({ weight: 5, arbitrary: fc.stringMatching(/^[a-z0-9 .-]{1,12}$/) }, fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }))
  const usable = (name: string) =>
    Array.from(name, (letter) => (letter < ' ' || '/\\\u007f'.includes(letter) ? '_' : letter))
      .join('')
      .replace(/^\.+$/, '_')
  const path = fc.array(name.map(usable), { minLength: 1, maxLength: 4 }).map((names) => names.join('/'))
  const tree = fc.uniqueArray(fc.record({ path, content: fc.uint8Array({ maxLength: 40 }) }), { selector: ({ path }) => path, minLength: 1, maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(tree, async (entries) => {
      const files = entries.map(({ path }) => path)
      fc.pre(!files.some((one) => files.some((other) => other.startsWith(`${one}/`))))
      fc.pre(files.every((one) => one.isWellFormed()))
      const ours = await addTree(entries, nowhere)
      const theirs = await reference(entries)
      if (ours.cid !== theirs.cid || ours.tsize !== theirs.tsize) throw new Error(`${JSON.stringify(ours)} is not ${JSON.stringify(theirs)}`)
    }),
    { numRuns: 100 },
  )
})

t.test('directories of many names', async (t) => {
  for (const count of [3000, 4500]) {
    const entries = Array.from({ length: count }, (_, i) => ({ path: `${'ünïcode-'.repeat(i % 4)}${i}`, content: Buffer.from(String(i % 100)) }))
    const ours = await addTree(entries, nowhere)
    t.match(ours, await reference(entries), `${count} names`)
    const children = await Promise.all(entries.map(async ({ path, content }) => ({ name: path, ...(await addFile(content, nowhere)) })))
    t.match(await addDirectory(children.reverse(), nowhere), { cid: ours.cid, tsize: ours.tsize }, 'in whatever order')
  }
})

t.test('a directory of directories is a trie once its own block is too large', async (t) => {
  // The specification counts the block's bytes; the reference importer counts folders as nothing until they are closed.
  const entries = Array.from({ length: 6000 }, (_, i) => ({ path: `folder-${i}/f`, content: Buffer.from('x') }))
  const blocks: Buffer[] = []
  const keeping: Sink = {
    put(codec, bytes) {
      blocks.push(Buffer.from(bytes))
      return nowhere.put(codec, bytes)
    },
  }
  await addTree(entries, keeping)
  t.ok(Math.max(...blocks.map(({ length }) => length)) <= 256 << 10)
})

t.test('names that hash alike are refused, not looped over', async (t) => {
  const part = await addFile(Buffer.from('x'), nowhere)
  const children = Array.from({ length: 6000 }, (_, i) => ({ name: `name-${i}`, ...part }))
  t.ok((await addDirectory(children, nowhere)).cid)
  t.equal(Buffer.from(murmur64(Buffer.from(''))).toString('hex'), '0000000000000000')
  t.equal(Buffer.from(murmur64(Buffer.from('The quick brown fox jumps over the lazy dog'))).toString('hex'), 'e34bbc7bbc071b6c')
})

t.test('what was added is read back, by name and whole', async (t) => {
  const store = await createEmbeddedStore({ path: t.testdir(), limit: 1 << 30, log: silent })
  t.teardown(() => store.close())
  const seeds = fc.array(fc.record({ size: fc.oneof(fc.nat(100), fc.nat(3 << 20)), cut: fc.double({ min: 0, max: 1, noNaN: true }) }), {
    minLength: 1,
    maxLength: 4,
  })
  await fc.assert(
    fc.asyncProperty(seeds, async (files) => {
      const entries = files.map(({ size }, i) => ({ path: `d${i % 2}/f${i}`, content: noise(`${i}`, size) }))
      const { cid } = await store.addTree(entries)
      for (const [i, { path, content }] of entries.entries()) {
        const offset = Math.floor((files[i]?.cut ?? 0) * content.length)
        const read = Buffer.concat(await all(store.cat(`${cid}/${path}`, { offset })))
        if (!read.equals(content.subarray(offset))) throw new Error(`${path} from ${offset} is not what was added`)
      }
    }),
    { numRuns: 15 },
  )
})
