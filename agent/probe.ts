/**
 * Asks a node's gateway whether its agent is there. A will only says that a connection to the broker died: a refused connection
 * here says that the process did; no answer says nothing, and the lease decides.
 */
import { get } from '../src/core/http.ts'

/** For the whole answer. @default 1_000 (ms) */
const timeoutMs = 1_000
/** Of an answer, at most: ours has about a hundred. @default 1_000 (letters) */
const maxLetters = 1_000

export type Probed = { readonly is: 'alive'; readonly boot: number } | { readonly is: 'dead' } | { readonly is: 'silent' }

/** `boot` of the answer tells whether it is the same start of the agent. Never throws. */
export async function probe(addresses: readonly string[], signal?: AbortSignal): Promise<Probed> {
  const late = AbortSignal.timeout(timeoutMs)
  const found = await Promise.all(addresses.map((url) => ask(`${url}/health`, signal === undefined ? late : AbortSignal.any([signal, late]))))
  return found.find(({ is }) => is === 'alive') ?? found.find(({ is }) => is === 'silent') ?? { is: found.length === 0 ? 'silent' : 'dead' }
}

function ask(url: string, signal: AbortSignal): Promise<Probed> {
  return new Promise((resolve) => {
    const silent = () => resolve({ is: 'silent' })
    try {
      const request = get(url, { agent: false, signal }, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
          if (text.length <= maxLetters) return
          silent()
          request.destroy()
        })
        response.on('error', silent)
        response.on('end', () => resolve(read(text)))
      })
      request.on('error', (error: NodeJS.ErrnoException) => resolve({ is: error.code === 'ECONNREFUSED' ? 'dead' : 'silent' }))
    } catch {
      // What a node announces as its address need not be one.
      silent()
    }
  })
}

function read(text: string): Probed {
  try {
    const { boot } = JSON.parse(text) as { boot?: unknown }
    return typeof boot === 'number' ? { is: 'alive', boot } : { is: 'silent' }
  } catch {
    return { is: 'silent' }
  }
}
