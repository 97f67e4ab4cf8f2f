/** What a gateway answers, in its few forms: a block or a CAR that never changes under its name, JSON, a line of text. */

import type { Cid } from '../cids.ts'
import { rowOf } from '../errors.ts'
import { carStartOf } from '../store/car.ts'

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string | number>>
  /** Left out for HEAD. */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>
}

export function json(value: unknown): Answer {
  return { status: 200, headers: { 'content-type': 'application/json', 'cache-control': 'no-store' }, body: Buffer.from(JSON.stringify(value)) }
}

export function text(status: number, why: string): Answer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }, body: Buffer.from(`${why}\n`) }
}

/** Of an error that goes back to a member. */
export function statusOf(code: string): number {
  const byExit: Record<number, number> = { 2: 400, 65: 400, 66: 404, 75: 409, 77: 403 }
  return byExit[rowOf(code).exit] ?? 500
}

/** Headers of what never changes. */
export function common(path: string, chain: readonly Cid[], etag: string, filename: string): Record<string, string> {
  // Header values are of few characters: others are left out of one form and encoded in the other.
  const plain = filename.replace(/[^\w.-]/g, '_')
  return {
    etag,
    'content-disposition': `attachment; filename="${plain}"${plain === filename ? '' : `; filename*=UTF-8''${encodeURIComponent(filename.toWellFormed())}`}`,
    'x-content-type-options': 'nosniff',
    'x-ipfs-path': path,
    'x-ipfs-roots': chain.join(','),
    'ipfs-uri': `ipfs://${path.slice('/ipfs/'.length)}`,
    'cache-control': 'public, max-age=29030400, immutable',
  }
}

/** The CID of nothing: version 1, raw, identity, no bytes. It never travels as a block. */
const emptyCar = carStartOf(Uint8Array.of(1, 0x55, 0, 0))

/** An answer about nothing, which tells whether the form is offered. */
export function probe(format: 'raw' | 'car'): Answer {
  if (format === 'raw')
    return {
      status: 200,
      headers: { ...common('/ipfs/bafkqaaa', ['bafkqaaa'], '"bafkqaaa.raw"', 'bafkqaaa.bin'), 'content-type': 'application/vnd.ipld.raw', 'content-length': 0 },
    }
  const headers = common('/ipfs/bafkqaaa', ['bafkqaaa'], 'W/"bafkqaaa.car"', 'bafkqaaa.car')
  return { status: 200, headers: { ...headers, 'content-type': 'application/vnd.ipld.car; version=1; order=dfs; dups=n' }, body: emptyCar }
}
