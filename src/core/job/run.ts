/**
 * A stage's tasks and their outcomes: takes from the source only while nodes have room, gives outcomes in the order of arrival.
 * Whoever leaves the loop ends what is live.
 */
import { encode } from '../cbor.ts'
import { fromFailure, IpdcError } from '../errors.ts'
import { maxTaskBytes, type NodeId, namePattern, type Outcome, type RunOptions, type Schema } from '../kind.ts'
import { check } from './check.ts'
import type { TaskAdded } from './event.ts'
import type { Told } from './instruction.ts'
import { nameTask } from './name.ts'

/** Outcomes that nobody has taken yet, at most: then the source pauses. @default 1_000 */
const maxUntaken = 1000

const noOne: readonly NodeId[] = []

/** The lifecycle, as a run needs it. */
export interface Line {
  /** `total` where the source is a list: how many tasks will come. */
  open(total: number | undefined): void
  ended(): void
  left(): void
  add(task: Omit<TaskAdded, 'is' | 'job' | 'run'>): void
  isTaken(name: string): boolean
  /** Whether nodes have room for more than is ready already. */
  hasRoom(): boolean
}

export interface Run<Task, Result> {
  readonly outcomes: AsyncIterable<Outcome<Task, Result>>
  tell(name: string, told: Told): void
  /** Something changed that may let the source go on. */
  wake(): void
}

export interface RunRequest<Task> {
  readonly stage: string
  readonly source: Iterable<Task> | AsyncIterable<Task>
  readonly options: RunOptions<Task>
  readonly schema: Schema<Task>
  readonly signal: AbortSignal
  readonly line: Line
}

/** @throws NOT_OFFERED, USAGE */
export function createRun<Task, Result>({ stage, source, options, schema, signal, line }: RunRequest<Task>): Run<Task, Result> {
  refuse(options)
  if (!namePattern.test(stage)) throw new IpdcError('USAGE', { message: `Not a name for a stage: ${JSON.stringify(stage.slice(0, 200))}` })
  const window = options.window ?? Number.POSITIVE_INFINITY
  const tasks = new Map<string, Task>()
  let untaken: Outcome<Task, Result>[] = []
  let hasEnded = false
  let hasLeft = false
  let trouble: { readonly error: unknown } | undefined
  let roomFound = () => {}
  let outcomeCame = () => {}

  async function* outcomes(): AsyncGenerator<Outcome<Task, Result>> {
    signal.throwIfAborted()
    const abort = () => stop(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    line.open(Array.isArray(source) ? source.length : undefined)
    void pump()
    try {
      for (;;) {
        const batch = untaken
        untaken = []
        roomFound()
        for (const outcome of batch) {
          if (outcome.is === 'failed' && options.failed !== 'yield') throw fromFailure(outcome.error)
          yield outcome
        }
        if (trouble !== undefined) throw trouble.error
        if (untaken.length > 0) continue
        if (hasEnded && tasks.size === 0) return
        await new Promise<void>((resolve) => {
          outcomeCame = resolve
        })
      }
    } finally {
      signal.removeEventListener('abort', abort)
      hasLeft = true
      roomFound()
      line.left()
    }
  }

  async function pump(): Promise<void> {
    const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
    try {
      while (await room()) {
        const step = await iterator.next()
        if (hasLeft) break
        if (step.done === true) {
          hasEnded = true
          line.ended()
          outcomeCame()
          return
        }
        await add(step.value)
      }
      // Not waited for: a source that hangs shall not hold up who left.
      void Promise.resolve(iterator.return?.()).catch(() => {})
    } catch (error) {
      stop(error)
    }
    line.ended()
  }

  async function room(): Promise<boolean> {
    while (!hasLeft && !(tasks.size < window && untaken.length < maxUntaken && line.hasRoom())) {
      await new Promise<void>((resolve) => {
        roomFound = resolve
      })
    }
    return !hasLeft
  }

  async function add(asked: Task): Promise<void> {
    const checked = check(schema, asked, `task of stage "${stage}"`)
    const task = checked instanceof Promise ? await checked : checked
    const body = encode(task)
    if (body.length > maxTaskBytes) {
      throw new IpdcError('TOO_LARGE', {
        message: `A task of stage "${stage}" has ${body.length} bytes where at most ${maxTaskBytes} are taken`,
        hint: 'Put what is large into the store and name its address',
      })
    }
    const name = nameTask(stage, body, options.id?.(task), (name) => line.isTaken(name))
    tasks.set(name, task)
    line.add({
      name,
      body,
      key: options.key?.(task) ?? name,
      prefer: options.prefer?.(task) ?? noOne,
      on: options.on?.(task),
      needs: options.needs?.(task),
    })
  }

  function stop(error: unknown): void {
    trouble ??= { error }
    outcomeCame()
  }

  return {
    outcomes: { [Symbol.asyncIterator]: outcomes },
    tell(name, told) {
      const task = tasks.get(name)
      if (task === undefined) return
      tasks.delete(name)
      // What the coordinator tells has passed the kind's schema of results.
      untaken.push(told.is === 'done' ? { is: 'done', task, node: told.node, result: told.value as Result } : { ...told, task })
      outcomeCame()
    },
    wake: () => roomFound(),
  }
}

function refuse({ gang, spread, quorum }: Pick<RunOptions<unknown>, 'gang' | 'spread' | 'quorum'>): void {
  const asked = [gang === true && 'gang', spread === true && 'spread', quorum !== undefined && quorum > 1 && 'quorum'].find((name) => name !== false)
  if (asked !== undefined) throw new IpdcError('NOT_OFFERED', { message: `Stages with \`${asked}\` are not offered yet` })
}
