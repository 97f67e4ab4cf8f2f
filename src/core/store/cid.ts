/**
 * A CID's two forms, text and bytes. Of the one shape that ipdc uses (CIDv1, sha2-256, raw or dag-pb) the last 52 characters say
 * the digest and the first 7 say the rest, so blocks are found by digest whatever the codec.
 */
import { hash } from 'node:crypto'
import { type Cid, isCid } from '../cids.ts'
import { IpdcError } from '../errors.ts'

export type Codec = 'raw' | 'dag-pb'

/** Bytes of a binary CID: version, codec, hash function, its length, 32 of digest. */
export const cidLength = 36

const prefix = { raw: 'bafkrei', 'dag-pb': 'bafybei' } as const
const code = { raw: 0x55, 'dag-pb': 0x70 } as const
const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
const letters = Buffer.alloc(59)
const fiveBits = new Uint8Array(128).fill(255)
for (let i = 0; i < 32; i++) fiveBits[alphabet.charCodeAt(i)] = i

export function sha256(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer')
}

export function codecOf(cid: Cid): Codec {
  return cid.startsWith(prefix.raw) ? 'raw' : 'dag-pb'
}

export function cidOf(codec: Codec, digest: Uint8Array): Cid {
  letters.write(prefix[codec], 'latin1')
  // 2 bits of the header, 256 of digest and 2 of padding make 52 characters.
  let bits = 2
  let held = 0
  let at = 7
  for (const byte of digest) {
    held = ((held << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      letters[at++] = alphabet.charCodeAt((held >>> bits) & 31)
    }
  }
  letters[at] = alphabet.charCodeAt((held << (5 - bits)) & 31)
  // A string made letter by letter would be a rope of 52 parts.
  return letters.toString('latin1')
}

/** @throws BAD_DATA: not a CID of our shape */
export function digestOf(cid: Cid): Uint8Array {
  if (!isCid(cid)) throw notCid(cid)
  const digest = new Uint8Array(32)
  let bits = -2
  let held = 0
  let at = 0
  for (let i = 7; i < 59; i++) {
    held = ((held << 5) | (fiveBits[cid.charCodeAt(i)] ?? 0)) & 0x1fff
    bits += 5
    if (bits >= 8) {
      bits -= 8
      digest[at++] = held >>> bits
    }
    // The header's last two bits are zero, and so is the padding: one address has one written form.
    if (i === 7 && held > 7) throw notCid(cid)
  }
  if ((held & 3) !== 0) throw notCid(cid)
  return digest
}

export function writeCid(codec: Codec, digest: Uint8Array, into: Uint8Array, at: number): void {
  into[at] = 1
  into[at + 1] = code[codec]
  into[at + 2] = 0x12
  into[at + 3] = 32
  into.set(digest, at + 4)
}

export function cidBytes(cid: Cid): Uint8Array {
  const bytes = new Uint8Array(cidLength)
  writeCid(codecOf(cid), digestOf(cid), bytes, 0)
  return bytes
}

/** Codec and digest of the binary CID at the start of `bytes`, or undefined where there is none of our shape. */
export function readCid(bytes: Uint8Array): { readonly codec: Codec; readonly digest: Uint8Array } | undefined {
  if (bytes.length < cidLength || bytes[0] !== 1 || bytes[2] !== 0x12 || bytes[3] !== 32) return undefined
  const codec = bytes[1] === code.raw ? 'raw' : bytes[1] === code['dag-pb'] ? 'dag-pb' : undefined
  return codec === undefined ? undefined : { codec, digest: bytes.subarray(4, cidLength) }
}

function notCid(cid: string): IpdcError {
  return new IpdcError('BAD_DATA', { message: `Not an address of ours (CIDv1, sha2-256, raw or dag-pb): ${JSON.stringify(cid.slice(0, 100))}` })
}
