/** Where a start of the agent begins: its home, locked, with its folders; the number of the start; who the node is in which domain. */
import { mkdir, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { openHome } from '../src/core/client/home.ts'
import { wrap } from '../src/core/errors.ts'
import { lock } from '../src/core/lock.ts'
import { nextBoot } from './boot.ts'
import { type Membership, openMembership, throwAway } from './membership.ts'

export interface Base {
  readonly home: string
  readonly boot: number
  readonly membership: Membership
  /** What people see of this node. */
  readonly name: string
  /** Folders of attempts: empty at each start. */
  readonly scratch: string
  /** Folders that last as long as their job. */
  readonly states: string
  readonly journal: string
}

export interface BaseOptions {
  readonly path: string
  readonly name: string | undefined
  readonly isThrowAway: boolean
  /** Now, in ms since 1970. */
  readonly wall: number
  readonly undo: (() => unknown)[]
}

/** @throws ALREADY_RUNNING, NOT_MEMBER, REFUSED, BAD_CONFIG, IO */
export async function openBase({ path, name, isThrowAway, wall, undo }: BaseOptions): Promise<Base> {
  const home = await openHome(path)
  undo.push(await lock(join(home, 'agent.lock')))
  const boot = await nextBoot(home)
  const membership = isThrowAway ? await throwAway(home, wall) : await openMembership(home, wall)
  return { home, boot, membership, name: name ?? hostName(), ...(await folders(home)) }
}

async function folders(home: string): Promise<Pick<Base, 'scratch' | 'states' | 'journal'>> {
  const made = async (name: string) => {
    await mkdir(join(home, name), { recursive: true, mode: 0o700 })
    return join(home, name)
  }
  try {
    await rm(join(home, 'scratch'), { recursive: true, force: true })
    return { scratch: await made('scratch'), states: await made('states'), journal: await made('journal') }
  } catch (error) {
    throw wrap(error, 'IO', `Cannot make the folders of ${home}`)
  }
}

/** The host's name, as far as it can be a name on the wire. */
function hostName(): string {
  const name = hostname()
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+/, '')
  return name.slice(0, 63) || 'node'
}
