/**
 * What a request to the trustless gateway asks for (https://specs.ipfs.tech/http-gateways/trustless-gateway/): a raw block or a CAR, by
 * `?format=` or, where that is absent, by `Accept`. Parameters in the query count before those of `Accept`.
 */
import { type Address, type Cid, rootOf } from '../cids.ts'
import { digestOf } from '../store/cid.ts'
import type { EntityBytes, Scope } from '../store/scope.ts'

export type Wanted =
  | { readonly is: 'raw'; readonly cid: Cid; readonly path: string; readonly filename: string | undefined }
  | {
      readonly is: 'car'
      readonly root: Cid
      readonly address: Address
      readonly path: string
      readonly scope: Scope
      readonly bytes: EntityBytes | undefined
      readonly filename: string | undefined
    }
  | { readonly is: 'probe'; readonly format: 'raw' | 'car' }
  | { readonly is: 'wrong'; readonly status: 400 | 406; readonly why: string }

/** The CID of no bytes at all: asking for it only asks whether this is a gateway. */
const probeCid = 'bafkqaaa'
const types = { 'application/vnd.ipld.raw': 'raw', 'application/vnd.ipld.car': 'car' } as const

/** `url` is the path and query of a request that starts with `/ipfs/`. */
export function wanted(url: string, accept: string | undefined): Wanted {
  const at = url.indexOf('?')
  const path = at < 0 ? url : url.slice(0, at)
  const query = new URLSearchParams(at < 0 ? '' : url.slice(at + 1))
  const { format, parameters } = formatOf(query, accept)
  if (format === undefined) return { is: 'wrong', status: 406, why: 'This gateway gives raw blocks and CARs: add ?format=raw or ?format=car' }
  if (format === 'unknown') return { is: 'wrong', status: 400, why: 'Not a format of this gateway: raw or car' }
  const address = decode(path.slice('/ipfs/'.length))
  if (address === undefined) return wrong('The path is not well formed')
  if (address === probeCid) return { is: 'probe', format }
  const root = rootOf(address)
  if (root === undefined || !isWhole(root)) return wrong('Not an address of ours: CIDv1 in base32, sha2-256, raw or dag-pb')
  const filename = query.get('filename') ?? undefined
  if (format === 'raw') {
    if (address.length > root.length && address !== `${root}/`) return wrong('A raw block has no path below it')
    return { is: 'raw', cid: root, path, filename }
  }
  return carOf({ root, address, path, filename }, (name) => query.get(name) ?? parameters.get(name) ?? undefined)
}

interface Target {
  readonly root: Cid
  readonly address: Address
  readonly path: string
  readonly filename: string | undefined
}

function carOf(target: Target, option: (name: string) => string | undefined): Wanted {
  const scope = option('dag-scope') ?? 'all'
  if (scope !== 'block' && scope !== 'entity' && scope !== 'all') return wrong('dag-scope is block, entity or all')
  if ((option('car-version') ?? option('version') ?? '1') !== '1') return wrong('This gateway makes CARs of version 1')
  const order = option('car-order') ?? option('order') ?? 'dfs'
  if (order !== 'dfs' && order !== 'unk') return wrong('This gateway orders CARs depth first')
  if (!['y', 'n'].includes(option('car-dups') ?? option('dups') ?? 'n')) return wrong('car-dups is y or n')
  const text = option('entity-bytes')
  const bytes = text === undefined ? undefined : rangeOf(text)
  if (text !== undefined && bytes === undefined) return wrong('entity-bytes is from:to, both whole numbers, or * for the end')
  // Asked for bytes, one asks for an entity.
  return { is: 'car', ...target, scope: bytes === undefined ? scope : 'entity', bytes }
}

function formatOf(
  query: URLSearchParams,
  accept: string | undefined,
): { format: 'raw' | 'car' | 'unknown' | undefined; parameters: ReadonlyMap<string, string> } {
  const named = query.get('format')
  const none = new Map<string, string>()
  const accepted = (accept ?? '').split(',').map((part) => part.split(';').map((word) => word.trim()))
  const found = accepted.find(([type = '']) => Object.hasOwn(types, type))
  const parameters =
    found === undefined ? none : new Map(found.slice(1).map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)] as const))
  if (named !== null) return { format: named === 'raw' || named === 'car' ? named : 'unknown', parameters }
  const type = found?.[0]
  return { format: type === 'application/vnd.ipld.raw' || type === 'application/vnd.ipld.car' ? types[type] : undefined, parameters }
}

function rangeOf(text: string): EntityBytes | undefined {
  const match = /^(-?\d{1,15}):(\*|-?\d{1,15})$/.exec(text)
  const [from, to] = [Number(match?.[1]), match?.[2]]
  if (match === null || to === undefined) return undefined
  const end = to === '*' ? undefined : Number(to)
  // `5:3` is known to be wrong without the file; `5:-3` may be right.
  if (end !== undefined && end < from && from >= 0 === end >= 0) return undefined
  return { from, to: end }
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function isWhole(cid: Cid): boolean {
  try {
    digestOf(cid)
    return true
  } catch {
    return false
  }
}

function wrong(why: string): Wanted {
  return { is: 'wrong', status: 400, why }
}
