/** What clients ask of the store. Uploads for a job are pinned as `upload` until a job names them; `keep` pins them as `user`. */
import * as v from 'valibot'
import { isCid } from '../../src/core/cids.ts'
import { IpdcError } from '../../src/core/errors.ts'
import type { TreeEntry } from '../../src/core/kind.ts'
import type { Store } from '../../src/core/ports.ts'
import type { Reader } from '../../src/core/transfer/fetch.ts'
import { linesOf } from './lines.ts'
import type { Route } from './server.ts'

/** Name of the pins that hold an upload until the job that names it has its own. */
export const uploadPin = 'upload'
/** Name of the pins of what a user added. */
export const userPin = 'user'

/** Files of one directory, at most: each takes the room of its name and address until the end. @default 1_000_000 */
const maxFiles = 1_000_000

const LocalFile = v.strictObject({ path: v.pipe(v.string(), v.minLength(1)), file: v.pipe(v.string(), v.startsWith('/')) })

const Links = v.strictObject({
  keep: v.exactOptional(v.boolean(), false),
  artifacts: v.pipe(
    v.array(
      v.object({
        name: v.pipe(v.string(), v.minLength(1)),
        cid: v.pipe(v.string(), v.check(isCid, 'not a CID')),
        size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
      }),
    ),
    v.minLength(1),
    v.maxLength(10_000),
  ),
})

export function storeRoutes({ store, reader }: { readonly store: Store; readonly reader: Reader }): Route[] {
  return [
    {
      method: 'POST',
      path: /^\/v1\/store\/file$/,
      async answer({ query, body, signal }) {
        const name = query.get('name')
        const artifact = await store.addFile(body, { signal, pin: query.has('keep') ? userPin : uploadPin, ...(name === null ? {} : { name }) })
        return { status: 201, json: artifact }
      },
    },
    {
      method: 'POST',
      path: /^\/v1\/store\/paths$/,
      async answer({ query, body, signal }) {
        return { status: 201, json: await store.addTree(filesIn(body), { signal, pin: query.has('keep') ? userPin : uploadPin }) }
      },
    },
    {
      method: 'POST',
      path: /^\/v1\/store\/link$/,
      async answer({ json, signal }) {
        const asked = v.safeParse(Links, await json())
        if (!asked.success) throw new IpdcError('BAD_DATA', { message: `Not a list of artifacts: ${asked.issues[0].message}` })
        return { status: 201, json: await store.link(asked.output.artifacts, { signal, pin: asked.output.keep ? userPin : uploadPin }) }
      },
    },
    { method: 'GET', path: /^\/v1\/store\/stat$/, answer: async ({ query, signal }) => ({ json: await reader.stat(addressOf(query), { signal }) }) },
    { method: 'GET', path: /^\/v1\/store\/ls$/, answer: ({ query, signal }) => ({ lines: reader.ls(addressOf(query), { signal }) }) },
    {
      method: 'GET',
      path: /^\/v1\/store\/cat$/,
      answer({ query, signal }) {
        const offset = numberOf(query, 'offset')
        const length = numberOf(query, 'length')
        return { bytes: reader.cat(addressOf(query), { signal, ...(offset === undefined ? {} : { offset }), ...(length === undefined ? {} : { length }) }) }
      },
    },
  ]
}

async function* filesIn(body: AsyncIterable<Uint8Array>): AsyncGenerator<TreeEntry> {
  let count = 0
  for await (const { path, file } of linesOf(body, LocalFile)) {
    if (++count > maxFiles) throw new IpdcError('TOO_LARGE', { message: `A directory of more than ${maxFiles} files` })
    yield { path, content: { file } }
  }
}

function addressOf(query: URLSearchParams): string {
  const address = query.get('address')
  if (address === null) throw new IpdcError('USAGE', { message: 'No address given' })
  return address.replace(/^\/?ipfs\//, '')
}

function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0) throw new IpdcError('USAGE', { message: `${name} is a whole number of bytes, not "${text}"` })
  return number
}
