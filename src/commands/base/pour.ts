/** Bytes into a stream that may be shut in the middle (`… | head`): then enough has been said, and that is no error. */
import type { Writable } from 'node:stream'

export async function pour(bytes: AsyncIterable<Uint8Array>, to: Writable): Promise<void> {
  const shut = new AbortController()
  const onShut = () => shut.abort()
  // Standard output is never destroyed, not even by EPIPE: its error is the only sign.
  to.once('error', onShut).once('close', onShut)
  try {
    for await (const chunk of bytes) {
      if (shut.signal.aborted) return
      if (!to.write(chunk)) await roomOrEnd(to, shut.signal)
    }
  } finally {
    to.off('error', onShut).off('close', onShut)
  }
}

function roomOrEnd(to: Writable, shut: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      to.off('drain', go)
      shut.removeEventListener('abort', go)
      resolve()
    }
    to.once('drain', go)
    shut.addEventListener('abort', go)
    if (shut.aborted) go()
  })
}
