/** CIDs in text and bytes, against the library of the specification. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import t from 'tap'
import { isCid } from '../../../src/core/cids.ts'
import { cidBytes, cidOf, codecOf, digestOf, readCid, sha256 } from '../../../src/core/store/cid.ts'

const digests = fc.oneof(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.constantFrom(new Uint8Array(32), new Uint8Array(32).fill(255)))

t.test('text and bytes are those of multiformats, and lead back', async () => {
  fc.assert(
    fc.property(digests, fc.constantFrom('raw', 'dag-pb'), (digest, codec) => {
      const cid = cidOf(codec, digest)
      const theirs = CID.createV1(codec === 'raw' ? 0x55 : 0x70, create(0x12, digest))
      if (cid !== theirs.toString() || !isCid(cid)) throw new Error(`${cid} is not ${theirs}`)
      if (codecOf(cid) !== codec || Buffer.compare(digestOf(cid), digest) !== 0) throw new Error('does not lead back')
      if (Buffer.compare(cidBytes(cid), theirs.bytes) !== 0) throw new Error('other bytes')
      const read = readCid(theirs.bytes)
      if (read?.codec !== codec || Buffer.compare(read.digest, digest) !== 0) throw new Error('bytes do not lead back')
    }),
  )
})

t.test('one address has one written form', async (t) => {
  const cid = cidOf('raw', sha256(Buffer.from('x')))
  const letters = 'abcdefghijklmnopqrstuvwxyz234567'
  let accepted = 0
  for (const letter of letters) {
    try {
      digestOf(cid.slice(0, 58) + letter)
      accepted++
    } catch {}
  }
  t.equal(accepted, 8, 'the last letter carries three bits')
  for (const wrong of ['', 'x', cid.toUpperCase(), `${cid}a`, `${cid.slice(0, 7)}z${cid.slice(8)}`, 'QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG']) {
    t.throws(() => digestOf(wrong), { code: 'BAD_DATA' }, wrong)
  }
})

t.test('bytes of another shape are no CID of ours', async (t) => {
  const bytes = cidBytes(cidOf('raw', sha256(Buffer.from('x'))))
  t.equal(readCid(bytes.subarray(0, 35)), undefined)
  for (const [at, value] of [
    [0, 0],
    [1, 0x71],
    [2, 0x13],
    [3, 20],
  ] as const) {
    const other = Uint8Array.from(bytes)
    other[at] = value
    t.equal(readCid(other), undefined)
  }
})

t.test('the hash is sha2-256', async (t) => {
  t.same(sha256(Buffer.from('hello world')), createHash('sha256').update('hello world').digest())
})
