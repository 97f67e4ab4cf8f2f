/**
 * The events of one queue: in memory, bounded, each with an id that grows even over restarts. Whoever reads waits here.
 * An event is a kind, a job and a value until someone reads it: ten thousand of them cost about 0.6 MB.
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
/** Of a custom event, all its fields. */
export type EventValue = string | readonly string[]

const kindNames = Object.keys(fields) as EventKind[]

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
  #ring = createRing(64)
  #first = 0
  #length = 0
  #chars = 0
  #last: EventId = { ms: 0, seq: 0 }
  readonly #readers = new Set<Reader>()

  /** How many are kept. @default 10_000, as BullMQ's `maxLenEvents` */
  max = 10_000

  get length(): number {
    return this.#length
  }

  /** The time in the newest id. */
  get newestMs(): number {
    return this.#last.ms
  }

  /** No id will be of an earlier time. */
  startAt(ms: number): void {
    if (ms > this.#last.ms) this.#last = { ms, seq: 0 }
  }

  append(kind: EventKind, job?: string, value?: EventValue): string {
    // Whoever waits will get all of what one operation says, however much: it is trimmed after that.
    if (this.#readers.size === 0) this.trim(this.max - 1)
    if (this.#length === this.#ring.size) this.#resize(Math.max(this.#length * 2, 64))
    const now = Date.now()
    this.#last = now > this.#last.ms ? { ms: now, seq: 0 } : { ms: this.#last.ms, seq: this.#last.seq + 1 }
    const at = (this.#first + this.#length) % this.#ring.size
    const { ms, seq, kinds, jobs, values } = this.#ring
    ms[at] = this.#last.ms
    seq[at] = this.#last.seq
    kinds[at] = kindNames.indexOf(kind)
    jobs[at] = job
    values[at] = value
    this.#length += 1
    this.#chars += sizeOf(value)
    return idOf(this.#last)
  }

  /** The oldest go; how many went. */
  trim(max = this.max): number {
    const before = this.#length
    const { jobs, values, size } = this.#ring
    while (this.#length > 0 && (this.#length > max || (this.#chars > maxChars && this.#length > 1))) {
      this.#chars -= sizeOf(values[this.#first])
      jobs[this.#first] = undefined
      values[this.#first] = undefined
      this.#first = (this.#first + 1) % size
      this.#length -= 1
    }
    if (size > 64 && size > 4 * Math.max(this.#length, this.max)) this.#resize(Math.max(this.max, this.#length, 64))
    return before - this.#length
  }

  clear(): void {
    this.trim(0)
    this.#resize(64)
  }

  /** Whoever waits reads what is new. Called once all of an operation has been appended. */
  wake(): void {
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

  #since(id: EventId): EventEntry[] {
    // Backwards, since a reader is seldom far behind.
    let from = this.#length
    while (from > 0 && isAfter(this.#idAt(from - 1), id)) from -= 1
    const entries: EventEntry[] = []
    for (; from < this.#length; from += 1) entries.push(this.#entry(from))
    return entries
  }

  #at(index: number): number {
    return (this.#first + index) % this.#ring.size
  }

  #idAt(index: number): EventId {
    const at = this.#at(index)
    return { ms: this.#ring.ms[at] ?? 0, seq: this.#ring.seq[at] ?? 0 }
  }

  #entry(index: number): EventEntry {
    const at = this.#at(index)
    const kind = kindNames[this.#ring.kinds[at] ?? 0] ?? 'custom'
    return [idOf(this.#idAt(index)), flatten(kind, this.#ring.jobs[at], this.#ring.values[at])]
  }

  #resize(size: number): void {
    const old = this.#ring
    const ring = createRing(size)
    for (let index = 0; index < this.#length; index += 1) {
      const at = this.#at(index)
      ring.ms[index] = old.ms[at] ?? 0
      ring.seq[index] = old.seq[at] ?? 0
      ring.kinds[index] = old.kinds[at] ?? 0
      ring.jobs[index] = old.jobs[at]
      ring.values[index] = old.values[at]
    }
    this.#ring = ring
    this.#first = 0
  }
}

function createRing(size: number) {
  return {
    size,
    ms: new Float64Array(size),
    seq: new Uint32Array(size),
    kinds: new Uint8Array(size),
    jobs: new Array<string | undefined>(size),
    values: new Array<EventValue | undefined>(size),
  }
}

function flatten(kind: EventKind, job: string | undefined, value: EventValue | undefined): string[] {
  if (kind === 'custom') return typeof value === 'object' ? [...value] : []
  const flat = ['event', kind]
  if (job !== undefined) flat.push('jobId', job)
  for (const field of fields[kind]) {
    const [name = '', fixed] = field.split('=')
    if (fixed !== undefined) flat.push(name, fixed)
    else if (typeof value === 'string') flat.push(name, value)
  }
  return flat
}

function isAfter(one: EventId, other: EventId): boolean {
  return one.ms > other.ms || (one.ms === other.ms && one.seq > other.seq)
}

function sizeOf(value: EventValue | undefined): number {
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
