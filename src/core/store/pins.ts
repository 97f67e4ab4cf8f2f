/**
 * What must stay: roots by name, in a log of its own. A pin is written while the blocks it needs are synced, not after, so it says
 * how far the pack must reach: a pin whose blocks did not make it is torn with them, and nobody was told that it held.
 */
import { join } from 'node:path'
import * as v from 'valibot'
import { type Cid, isCid } from '../cids.ts'
import { IpdcError } from '../errors.ts'
import { openLog } from '../record-log.ts'
import { isAfter, type Position } from './pack.ts'

/** A pin's name, at most. */
export const maxPinName = 200

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const Place = v.strictTuple([Count, Count])
const Pin = v.variant('is', [
  v.strictObject({ is: v.literal('pin'), cid: v.pipe(v.string(), v.check(isCid)), name: v.string(), partial: v.boolean(), needs: Place, synced: Place }),
  v.strictObject({ is: v.literal('unpin'), cid: v.exactOptional(v.string()), name: v.string() }),
  v.strictObject({ is: v.literal('synced'), synced: Place }),
])
type Pin = v.InferOutput<typeof Pin>

export interface Held {
  /** Not all of its blocks are known to be here. */
  readonly partial: boolean
  readonly needs: Position
}

export interface Pins {
  /** How far the pack was surely on disk. */
  readonly synced: Position
  readonly held: ReadonlyMap<string, ReadonlyMap<Cid, Held>>
  /** Forgets the pins that need more than the pack has, for good when it resolves. */
  cut(end: Position): Promise<void>
  /** Notes how far the pack is surely on disk. */
  reached(synced: Position): Promise<void>
  /** Takes effect at once; on disk when it resolves. @throws DISK_FULL, IO: then it has no effect */
  pin(cid: Cid, name: string, partial: boolean, needs: Position, synced: Position): Promise<void>
  /** Takes effect at once; on disk when it resolves. */
  unpin(name: string, cid?: Cid): Promise<void>
  /** Writes the log anew where most of it speaks of what is no longer pinned. */
  compact(): Promise<void>
  close(synced: Position): Promise<void>
}

/** @throws JOURNAL_DAMAGED, IO, BAD_DATA */
export async function openPins(folder: string): Promise<Pins> {
  const held = new Map<string, Map<Cid, Held>>()
  let synced: Position = { segment: 0, offset: 0 }
  const log = await openLog(join(folder, 'pins.log'), { read: (record) => apply(parse(record)) })

  function apply(record: Pin): void {
    if (record.is === 'unpin') {
      const roots = held.get(record.name)
      if (record.cid !== undefined) roots?.delete(record.cid)
      if (record.cid === undefined || roots?.size === 0) held.delete(record.name)
      return
    }
    const upTo = position(record.synced)
    if (isAfter(upTo, synced)) synced = upTo
    if (record.is === 'pin') {
      const roots = held.get(record.name) ?? new Map<Cid, Held>()
      held.set(record.name, roots.set(record.cid, { partial: record.partial, needs: position(record.needs) }))
    }
  }

  async function append(...records: Pin[]): Promise<void> {
    records.forEach(apply)
    await Promise.all(records.map((record) => log.append(record, { now: true })))
  }

  async function reached(upTo: Position): Promise<void> {
    if (isAfter(upTo, synced)) await append({ is: 'synced', synced: pair(upTo) })
  }

  function* all(): Generator<Pin> {
    yield { is: 'synced', synced: pair(synced) }
    for (const [name, roots] of held) {
      for (const [cid, { partial, needs }] of roots) yield { is: 'pin', cid, name, partial, needs: pair(needs), synced: pair(synced) }
    }
  }

  return {
    held,
    get synced() {
      return synced
    },
    async cut(end) {
      const lost = [...all()].flatMap((pin): Pin[] =>
        pin.is === 'pin' && isAfter(position(pin.needs), end) ? [{ is: 'unpin', name: pin.name, cid: pin.cid }] : [],
      )
      await append(...lost)
    },
    reached,
    async pin(cid, name, partial, needs, upTo) {
      if (name === '' || name.length > maxPinName) throw new IpdcError('USAGE', { message: `A pin's name has 1 to ${maxPinName} characters` })
      const before = held.get(name)?.get(cid)
      try {
        // Once more where it is held already: whoever held it first may still be waiting for the disk.
        await append({ is: 'pin', cid, name, partial: partial && before?.partial !== false, needs: pair(needs), synced: pair(upTo) })
      } catch (error) {
        if (before === undefined) apply({ is: 'unpin', name, cid })
        throw error
      }
    },
    async unpin(name, cid) {
      if (cid === undefined ? held.has(name) : held.get(name)?.has(cid)) await append({ is: 'unpin', name, ...(cid === undefined ? {} : { cid }) })
    },
    async compact() {
      const count = [...held.values()].reduce((sum, roots) => sum + roots.size, 0)
      // A record takes about 150 bytes.
      if (log.bytes > 65_536 && log.bytes > count * 600) await log.rewrite(all())
    },
    async close(upTo) {
      await reached(upTo)
      await log.close()
    },
  }
}

function parse(record: unknown): Pin {
  const parsed = v.safeParse(Pin, record)
  if (!parsed.success) throw new IpdcError('BAD_DATA', { message: 'The log of pins holds a record of another form', hint: 'Update ipdc on this node' })
  return parsed.output
}

const pair = ({ segment, offset }: Position): [number, number] => [segment, offset]
const position = ([segment, offset]: [number, number]): Position => ({ segment, offset })
