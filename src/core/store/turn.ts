/** Lets everything else have its turn: no work of ours holds the event loop for long. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
