/**
 * What a job asks for, in the place of a kind's `coordinate`: maps, then reduces over what the maps made; or a chain, each slice
 * from the one before. Runs again from the top after a restart, as `coordinate` does.
 */
import { fakeCid } from '../core/job/cluster.ts'
import type { Random } from './random.ts'

export interface Body {
  readonly how: 'well' | 'flaky' | 'never' | 'always' | 'poison'
  readonly ms: number
  readonly inputs: readonly string[]
  readonly makes: string
}

export interface Asked {
  readonly name: string
  readonly body: Body
  readonly on?: readonly string[] | undefined
}

export interface Program {
  readonly id: string
  /** `plain`: results that name no address, so that nobody can ever ask for one again. */
  readonly is: 'reduce' | 'chain' | 'leave' | 'plain'
  readonly pure: boolean
  readonly nodes: number | undefined
  readonly maps: readonly Asked[]
  /** Names of maps → tasks, of those that were done. */
  readonly reduces: (made: readonly string[]) => readonly Asked[]
}

/** `isLong`: few tasks that take long and may not run twice at once. */
export function createProgram(random: Random, id: string, nodes: readonly string[], isLong: boolean): Program {
  const is = random.pick(['reduce', 'reduce', 'reduce', 'chain', 'leave', 'plain'] as const)
  const number = Number(id.slice(-1))
  const ms = isLong ? 30_000 : random.pick([50, 500, 5000, 20_000])
  const hows = Array.from({ length: 30 }, () =>
    random.chance(0.9) ? ('well' as const) : random.pick(['flaky', 'flaky', 'never', 'always', 'poison'] as const),
  )
  // Both at once could name no node at all.
  const limit = random.chance(0.2) ? random.whole(1, 3) : undefined
  const on = Array.from({ length: 30 }, () => (limit === undefined && random.chance(0.08) ? [random.pick(nodes), random.pick(nodes)] : undefined))
  const asked = (stage: string, at: number, inputs: readonly string[]): Asked => ({
    name: `${stage}/${at}`,
    body: {
      how: hows[at % hows.length] ?? 'well',
      ms,
      inputs,
      makes: is === 'plain' ? `plain ${at}` : fakeCid(number * 10_000 + (stage === 'map' ? 0 : 5000) + at),
    },
    on: on[at % on.length],
  })
  const maps = Array.from({ length: random.whole(1, is === 'chain' || isLong ? 6 : 24) }, (_, at) => asked('map', at, []))
  const count = random.whole(1, 4)
  return {
    id,
    is,
    pure: !isLong && random.chance(0.5),
    nodes: limit,
    maps: is === 'chain' ? maps.map((task, at) => ({ ...task, body: { ...task.body, inputs: at === 0 ? [] : [maps[at - 1]!.body.makes] } })) : maps,
    reduces: (made) => (is === 'reduce' ? Array.from({ length: count }, (_, at) => asked('reduce', at + 7, made)) : []),
  }
}
