/** dag-pb and UnixFS, against the libraries of the specification. */
import * as dagPb from '@ipld/dag-pb'
import fc from 'fast-check'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import t from 'tap'
import { codeOf } from '../../../src/core/errors.ts'
import { cidOf, sha256 } from '../../../src/core/store/cid.ts'
import { decodeNode, encodeDirectory, encodeFile, encodeShard, type Link, linkLength } from '../../../src/core/store/node.ts'

/** ipfs-unixfs 13.1 (protons-runtime 7.1) writes what happens to lie in memory for file sizes from 2 to 4 GiB: there it is no reference. */
const isReference = (size: number) => size < 2 ** 31 || size >= 2 ** 32

const sizes = fc.oneof(fc.nat(), fc.constantFrom(0, 127, 128, 16_383, 16_384, 2 ** 32, 2 ** 35, 2 ** 40))
const links = fc
  .uniqueArray(fc.record({ name: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), seed: fc.nat(), tsize: sizes }), {
    selector: ({ name }) => name,
    maxLength: 20,
  })
  .map((all): Link[] => all.map(({ name, seed, tsize }) => ({ name, tsize, cid: cidOf(seed % 2 === 0 ? 'raw' : 'dag-pb', sha256(Buffer.from(String(seed)))) })))
const byName = (all: readonly Link[]) => [...all].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
const theirs = (data: UnixFS, all: readonly Link[]) =>
  dagPb.encode(dagPb.prepare({ Data: data.marshal(), Links: all.map(({ name, cid, tsize }) => ({ Name: name, Hash: CID.parse(cid), Tsize: tsize })) }))
const same = (ours: Uint8Array, other: Uint8Array) => {
  if (Buffer.compare(ours, other) !== 0) throw new Error(`${Buffer.from(ours).toString('hex')} is not ${Buffer.from(other).toString('hex')}`)
}

t.test('directories are encoded as others do, and read back', async (t) => {
  fc.assert(
    fc.property(links, (all) => {
      const sorted = byName(all)
      const bytes = encodeDirectory(sorted)
      same(bytes, theirs(new UnixFS({ type: 'directory' }), sorted))
      if (bytes.length !== sorted.reduce((sum, link) => sum + linkLength(link), 4)) throw new Error('the length is not what was counted')
      t.same(decodeNode(bytes), { is: 'directory', links: sorted })
    }),
    { numRuns: 200 },
  )
})

t.test('files are encoded as others do, and read back', async (t) => {
  fc.assert(
    fc.property(links, (all) => {
      const nameless = all.map((link) => ({ ...link, name: '' }))
      fc.pre([...nameless.map(({ tsize }) => tsize), nameless.reduce((sum, { tsize }) => sum + tsize, 0)].every(isReference))
      const file = new UnixFS({ type: 'file', blockSizes: nameless.map(({ tsize }) => BigInt(tsize)) })
      const counts = nameless.map(({ tsize }) => tsize)
      const bytes = encodeFile(nameless, counts)
      same(bytes, theirs(file, nameless))
      t.same(decodeNode(bytes), { is: 'file', size: counts.reduce((a, b) => a + b, 0), data: new Uint8Array(0), sizes: counts, links: nameless })
    }),
    { numRuns: 200 },
  )
})

t.test('a file of 2 to 4 GiB is encoded as protobuf says', async (t) => {
  const cid = cidOf('raw', sha256(Buffer.from('x')))
  const bytes = encodeFile([{ name: '', cid, tsize: 2 ** 31 }], [2 ** 31])
  t.ok(Buffer.from(bytes).toString('hex').endsWith('0a0e0802188080808008208080808008'), 'type 2, size and block size as varints of 2^31')
  t.match(decodeNode(bytes), { is: 'file', size: 2 ** 31, sizes: [2 ** 31] })
})

t.test('shards are encoded as others do', async () => {
  fc.assert(
    fc.property(links, fc.uint8Array({ minLength: 1, maxLength: 32 }), (all, bits) => {
      const sorted = byName(all)
      same(encodeShard(sorted, bits), theirs(new UnixFS({ type: 'hamt-sharded-directory', data: bits, fanout: 256n, hashType: 0x22n }), sorted))
    }),
    { numRuns: 200 },
  )
})

t.test('a leaf of the older sort, with its bytes inside, is read', async (t) => {
  const bytes = theirs(new UnixFS({ type: 'file', data: Buffer.from('inside') }), [])
  t.match(decodeNode(bytes), { is: 'file', size: 6, data: Buffer.from('inside'), links: [] })
})

t.test('what others would not read, or not as we do, is refused', async (t) => {
  const link = { name: 'a', cid: cidOf('raw', sha256(Buffer.from('a'))), tsize: 1 }
  const refused = (title: string, bytes: Uint8Array) => t.throws(() => decodeNode(bytes), { code: 'BAD_DATA' }, title)
  const v0 = CID.parse('QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG')
  refused('a link to a CIDv0', dagPb.encode({ Data: new UnixFS({ type: 'directory' }).marshal(), Links: [{ Hash: v0, Name: 'a', Tsize: 1 }] }))
  refused('no UnixFS in it', dagPb.encode({ Links: [] }))
  refused('a symbolic link', theirs(new UnixFS({ type: 'symlink', data: Buffer.from('/etc/passwd') }), []))
  refused('sizes that do not fit the links', encodeFile([link], [1, 2]))
  refused('sizes that do not add up', theirs(new UnixFS({ type: 'file', blockSizes: [1n] }), []))
  refused('a shard of another fanout', theirs(new UnixFS({ type: 'hamt-sharded-directory', data: Uint8Array.of(1), fanout: 16n, hashType: 0x22n }), []))
  refused(
    'a name that is not UTF-8',
    Buffer.from(
      Buffer.from(encodeDirectory([{ ...link, name: 'zz' }]))
        .toString('latin1')
        .replace('zz', '\xff\xfe'),
      'latin1',
    ),
  )
  refused('nothing', new Uint8Array(0))
})

t.test('no bytes break the reader', async () => {
  const valid = links.map((all) => encodeDirectory(byName(all)))
  const mutated = fc.tuple(valid, fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 4 })).map(([bytes, changes]) => {
    const copy = Uint8Array.from(bytes)
    for (const [at, value] of changes) copy[at % copy.length] = value
    return copy
  })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
      try {
        decodeNode(bytes)
      } catch (error) {
        if (codeOf(error) !== 'BAD_DATA') throw error
      }
    }),
    { numRuns: 3000 },
  )
})
