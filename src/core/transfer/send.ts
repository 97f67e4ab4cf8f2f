/** Sends a stream of bytes as a response: small pieces gathered, never faster than the other side takes them. */
import type { ServerResponse } from 'node:http'

const gatherBytes = 64 << 10

/** Ends the response, or leaves it when the other side has gone. `sent` is told of every byte. */
export async function send(response: ServerResponse, pieces: AsyncIterable<Uint8Array>, sent: (bytes: number) => void): Promise<void> {
  let small: Uint8Array[] = []
  let held = 0
  const write = async (bytes: Uint8Array) => {
    if (bytes.length === 0 || response.destroyed) return
    sent(bytes.length)
    response.write(bytes)
    if (response.writableNeedDrain) await drained(response)
  }
  const flush = async () => {
    const bytes = small.length === 1 && small[0] !== undefined ? small[0] : Buffer.concat(small)
    small = []
    held = 0
    await write(bytes)
  }
  for await (const piece of pieces) {
    if (response.destroyed) return
    if (held + piece.length > gatherBytes) await flush()
    if (piece.length >= gatherBytes) {
      await write(piece)
    } else {
      small.push(piece)
      held += piece.length
    }
  }
  await flush()
  response.end()
}

/** Resolves when there is room again, or nobody takes it any more. */
export function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
    if (!response.writableNeedDrain || response.destroyed) done()
  })
}
