/**
 * The events of one queue: in memory, bounded, each with an id that grows even over restarts. Whoever reads waits here.
 * An event is a kind, a job and a value until someone reads it: ten thousand of them cost about half a megabyte.
 */

/** Fields after `jobId` of each kind, in BullMQ's order; `=x` is a field of a fixed value. Undefined values are left out. */
const fields = {
  added: ['name'],
  waiting: ['prev'],
  delayed: ['delay'],
  active: ['prev'],
  completed: ['returnvalue', 'prev=active'],
  failed: ['failedReason', 'prev=active'],
  'retries-exhausted': ['attemptsMade'],
  duplicated: [],
  removed: ['prev'],
  progress: ['data'],
  stalled: [],
  drained: [],
  paused: [],
  resumed: [],
  cleaned: ['count'],
  custom: [],
} as const

export type EventKind = keyof typeof fields

/** The values of all events kept, in characters; the oldest go first. A page of results a job would else fill the memory of a board. */
const maxChars = 1 << 20

export type EventEntry = [id: string, fields: string[]]

interface Reader {
  readonly after: EventId
  readonly end: (entries: EventEntry[] | null) => void
}

interface EventId {
  readonly ms: number
  readonly seq: number
}

export class EventLog {
  /** Rings of one length, which doubles up to what is kept. */
  #ms: number[] = []
  #seq: number[] = []
  #kind: EventKind[] = []
  #job: (string | undefined)[] = []
  #value: (string | readonly string[] | undefined)[] = []
  #first = 0
  #chars = 0
  #last: EventId = { ms: 0, seq: 0 }
  readonly #readers = new Set<Reader>()

  /** How many are kept. @default 10_000, as BullMQ's `maxLenEvents` */
  max = 10_000

  /** The time in the newest id. */
  get newestMs(): number {
    return this.#last.ms
  }

  /** No id will be of an earlier time. */
  startAt(ms: number): void {
    if (ms > this.#last.ms) this.#last = { ms, seq: 0 }
  }

  append(kind: EventKind, job?: string, value?: string | readonly string[]): string {
    const now = Date.now()
    this.#last = now > this.#last.ms ? { ms: now, seq: 0 } : { ms: this.#last.ms, seq: this.#last.seq + 1 }
    this.#ms.push(this.#last.ms)
    this.#seq.push(this.#last.seq)
    this.#kind.push(kind)
    this.#job.push(job)
    this.#value.push(value)
    this.#chars += sizeOf(value)
    return idOf(this.#last)
  }

  /** The oldest go. */
  trim(max = this.max): number {
    let gone = 0
    while (this.length > 0 && (this.length > max || (this.#chars > maxChars && this.length > 1))) {
      this.#chars -= sizeOf(this.#value[this.#first])
      this.#job[this.#first] = undefined
      this.#value[this.#first] = undefined
      this.#first += 1
      gone += 1
    }
    // What was trimmed is cut off now and then, so that trimming costs the same however much is kept.
    if (this.#first > 1024 && this.#first > this.length / 4) this.#cut()
    return gone
  }

  get length(): number {
    return this.#ms.length - this.#first
  }

  clear(): void {
    this.trim(0)
    this.#cut()
  }

  /** Whoever waits reads what is new. Called once all of a step has been appended. */
  wake(): void {
    if (this.#readers.size === 0) return
    for (const { after, end } of [...this.#readers]) {
      const entries = this.#since(after)
      if (entries.length > 0) end(entries)
    }
  }

  /** What came after `id` (`$`: from now on), waiting up to `ms` (0: for ever) for the first; null when there was nothing, or `ended` came. */
  read(id: string, ms: number, ended: AbortSignal): Promise<EventEntry[] | null> {
    const after = id === '$' ? this.#last : parseId(id)
    const entries = this.#since(after)
    if (entries.length > 0) return Promise.resolve(entries)
    return new Promise((resolve) => {
      const end = (found: EventEntry[] | null) => {
        clearTimeout(timer)
        ended.removeEventListener('abort', stop)
        this.#readers.delete(reader)
        resolve(found)
      }
      const stop = () => end(null)
      const reader: Reader = { after, end }
      const timer = ms > 0 ? setTimeout(stop, ms) : undefined
      ended.addEventListener('abort', stop)
      this.#readers.add(reader)
      if (ended.aborted) stop()
    })
  }

  #since({ ms, seq }: EventId): EventEntry[] {
    // Backwards, since a reader is seldom far behind.
    let at = this.#ms.length
    while (at > this.#first) {
      const thenMs = this.#ms[at - 1] ?? 0
      if (thenMs < ms || (thenMs === ms && (this.#seq[at - 1] ?? 0) <= seq)) break
      at -= 1
    }
    const entries: EventEntry[] = []
    for (; at < this.#ms.length; at += 1) entries.push(this.#entry(at))
    return entries
  }

  #entry(at: number): EventEntry {
    const kind = this.#kind[at] ?? 'custom'
    const job = this.#job[at]
    const value = this.#value[at]
    const id = idOf({ ms: this.#ms[at] ?? 0, seq: this.#seq[at] ?? 0 })
    if (kind === 'custom') return [id, Array.isArray(value) ? [...value] : []]
    const flat = ['event', kind]
    if (job !== undefined) flat.push('jobId', job)
    for (const field of fields[kind]) {
      const [name = '', fixed] = field.split('=')
      if (fixed !== undefined) flat.push(name, fixed)
      else if (typeof value === 'string') flat.push(name, value)
    }
    return [id, flat]
  }

  #cut(): void {
    const from = this.#first
    this.#ms = this.#ms.slice(from)
    this.#seq = this.#seq.slice(from)
    this.#kind = this.#kind.slice(from)
    this.#job = this.#job.slice(from)
    this.#value = this.#value.slice(from)
    this.#first = 0
  }
}

function sizeOf(value: string | readonly string[] | undefined): number {
  if (value === undefined) return 0
  return typeof value === 'string' ? value.length : value.reduce((sum, one) => sum + one.length, 0)
}

function idOf({ ms, seq }: EventId): string {
  return `${ms}-${seq}`
}

function parseId(id: string): EventId {
  const [ms, seq] = id.split('-')
  return { ms: Number(ms) || 0, seq: Number(seq) || 0 }
}
