/** One sequence on two sides, command by command: the first difference, or none. */
import { isDeepStrictEqual } from 'node:util'
import { type Clock, fakeDate } from './clock.ts'
import type { Command, Sequence } from './command.ts'
import { createPlayer, type Player } from './player.ts'
import type { Open, Store } from './side.ts'

export interface Difference {
  /** Index of the command after which the sides differ; that of the last for what the end showed. */
  readonly at: number
  readonly command: Command | undefined
  readonly what: 'result' | 'states' | 'events' | 'end'
  readonly left: unknown
  readonly right: unknown
}

let count = 0

/** `hears` is told what each command gave, on both sides the same. */
export async function differenceOf(
  left: Open,
  right: Open,
  { setup, commands }: Sequence,
  hears: (result: unknown) => void = () => {},
): Promise<Difference | undefined> {
  const clock = fakeDate()
  const name = `q${++count}`
  const stores: Store[] = []
  let players: Player[] = []
  try {
    for (const open of [left, right]) stores.push(await open(setup))
    players = stores.map((store) => createPlayer(store, name, clock, setup))
    for (const [at, command] of commands.entries()) {
      if (!setup.isStill) clock.now += 1
      const [a, b] = await both(players, clock, (player) => player.play(command))
      if (!same(a, b)) return { at, command, what: 'result', left: plain(a), right: plain(b) }
      hears(plain(a))
      const [c, d] = await both(players, clock, (player) => player.look())
      if (!same(c, d)) return { at, command, what: 'states', left: plain(c), right: plain(d) }
    }
    const last = { at: commands.length - 1, command: commands.at(-1) }
    const [a, b] = await both(players, clock, async (player) => inOrder(await player.events(), setup.isMixed))
    if (!same(a, b)) return { ...last, what: 'events', left: plain(a), right: plain(b) }
    const [c, d] = await both(players, clock, (player) => player.dump())
    if (!same(c, d)) return { ...last, what: 'end', left: plain(c), right: plain(d) }
    return undefined
  } finally {
    clock.restore()
    for (const player of players) await player.close()
    for (const store of stores) await store.close()
  }
}

/** Each begins at the same time; the clock goes on from the later of their ends. */
async function both<T>(players: readonly Player[], clock: Clock, act: (player: Player) => Promise<T>): Promise<T[]> {
  const from = clock.now
  const ends: number[] = []
  const results: T[] = []
  for (const player of players) {
    clock.now = from
    results.push(await act(player))
    ends.push(clock.now)
  }
  clock.now = Math.max(...ends)
  return results
}

function inOrder(events: readonly object[], isMixed = false): readonly unknown[] {
  return isMixed ? events.map((event) => JSON.stringify(event)).sort() : events
}

function same(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(plain(a), plain(b))
}

/** As JSON has it: a field that is undefined is absent. Redis gives a job's options in whatever order Lua's tables have, so order of keys does not count. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value))
}

/** For people: where the two differ, not the whole of both. */
export function tell({ at, command, what, left, right }: Difference): string {
  const lines = diff(left, right, '')
  return [`${what} differ after command ${at}: ${JSON.stringify(command)}`, ...lines.slice(0, 20), ...(lines.length > 20 ? ['…'] : [])].join('\n')
}

function diff(a: unknown, b: unknown, path: string): string[] {
  if (isDeepStrictEqual(a, b)) return []
  if (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null && Array.isArray(a) === Array.isArray(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])]
    return keys.flatMap((key) => diff((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], `${path}.${key}`))
  }
  return [`  ${path}: ${JSON.stringify(a)} | ${JSON.stringify(b)}`]
}
