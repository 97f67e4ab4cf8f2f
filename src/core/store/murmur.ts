/** The first 64 bits of murmur3 x64-128 (Appleby, seed 0), big-endian: each byte says where a name goes in one level of a shard. */
const c1 = 0x87c37b91114253d5n
const c2 = 0x4cf5ad432745937fn
const mask = 0xffffffffffffffffn

export function murmur64(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let h1 = 0n
  let h2 = 0n
  const whole = bytes.length - (bytes.length % 16)
  for (let at = 0; at < whole; at += 16) {
    h1 = ((rotate(h1 ^ mix1(view.getBigUint64(at, true)), 27n) + h2) * 5n + 0x52dce729n) & mask
    h2 = ((rotate(h2 ^ mix2(view.getBigUint64(at + 8, true)), 31n) + h1) * 5n + 0x38495ab5n) & mask
  }
  h1 ^= mix1(tail(bytes, whole, whole + 8))
  h2 ^= mix2(tail(bytes, whole + 8, whole + 16))
  const length = BigInt(bytes.length)
  h1 ^= length
  h2 ^= length
  h1 = (h1 + h2) & mask
  h2 = (h2 + h1) & mask
  const out = new DataView(new ArrayBuffer(8))
  out.setBigUint64(0, (finish(h1) + finish(h2)) & mask)
  return new Uint8Array(out.buffer)
}

function mix1(k: bigint): bigint {
  return (rotate((k * c1) & mask, 31n) * c2) & mask
}

function mix2(k: bigint): bigint {
  return (rotate((k * c2) & mask, 33n) * c1) & mask
}

function rotate(x: bigint, by: bigint): bigint {
  return ((x << by) | (x >> (64n - by))) & mask
}

function finish(k: bigint): bigint {
  const once = ((k ^ (k >> 33n)) * 0xff51afd7ed558ccdn) & mask
  const twice = ((once ^ (once >> 33n)) * 0xc4ceb9fe1a85ec53n) & mask
  return twice ^ (twice >> 33n)
}

function tail(bytes: Uint8Array, from: number, to: number): bigint {
  let value = 0n
  for (let at = Math.min(to, bytes.length) - 1; at >= from; at--) value = (value << 8n) | BigInt(bytes[at] ?? 0)
  return value
}
