/** From pushes to an iterable: holds one value at a time, and a push resolves when its value was taken. */
export interface Pipe<T> extends AsyncIterable<T> {
  push(value: T): Promise<void>
  end(): void
  /** The reader throws `error`; a push that waits rejects with it. */
  fail(error: Error): void
}

type State<T> = { is: 'open' } | { is: 'full'; value: T; taken(): void; refused(error: Error): void } | { is: 'ended' } | { is: 'failed'; error: Error }

export function createPipe<T>(): Pipe<T> {
  let state: State<T> = { is: 'open' }
  let wake: (() => void) | undefined

  const become = (next: State<T>) => {
    const before = state
    state = next
    if (before.is === 'full' && next.is === 'failed') before.refused(next.error)
    wake?.()
  }

  async function* read(): AsyncGenerator<T> {
    try {
      for (;;) {
        const now = state
        if (now.is === 'ended') return
        if (now.is === 'failed') throw now.error
        if (now.is === 'full') {
          state = { is: 'open' }
          now.taken()
          yield now.value
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
          wake = undefined
        }
      }
    } finally {
      if (state.is === 'open' || state.is === 'full') become({ is: 'failed', error: new Error('The reader left') })
    }
  }

  return {
    push: (value) =>
      new Promise((resolve, reject) => {
        if (state.is === 'open') become({ is: 'full', value, taken: resolve, refused: reject })
        else reject(state.is === 'failed' ? state.error : new Error(`A pipe that is ${state.is} takes nothing`))
      }),
    end: () => {
      if (state.is === 'open') become({ is: 'ended' })
    },
    fail: (error) => {
      if (state.is !== 'ended') become({ is: 'failed', error })
    },
    [Symbol.asyncIterator]: read,
  }
}
