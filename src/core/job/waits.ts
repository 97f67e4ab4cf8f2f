/** Why nothing of a job runs just now, in a line for people, as far as its coordinator knows. */
import { fits } from '../cluster/placement.ts'
import { isReason, type Reason, sentenceOf } from '../reasons.ts'
import { candidates, first } from './ready.ts'
import type { Book, Job, Line, State } from './state.ts'

/** Undefined where something of it runs, or is about to, or nothing of it is there to run. */
export function waitsOf(state: State, job: Job): string | undefined {
  for (const { running } of job.stages.values()) if (running > 0) return undefined
  if (job.isHeld) return 'its journal cannot be written'
  if (job.adopts) return 'nodes are asked what they hold of it since the restart'
  const holders = holdersOf(state, job)
  if (holders.length > 0) return turnOn(holders)
  for (const line of job.lines.values()) {
    if (first(line) === undefined) continue
    return candidates(state, job, line).length > 0 ? undefined : nobodyFor(state, job, line)
  }
  return undefined
}

/** Of nodes that have taken its tasks, and run none. */
function turnOn(holders: readonly Book[]): string {
  const stuck = holders.filter(({ node }) => node?.state !== 'up' || (node.now === 0 && isReason(node.reason)))
  const count = holders.length - stuck.length
  const turn = count === 0 ? '' : `its tasks wait their turn on ${count} ${count === 1 ? 'node' : 'nodes'}`
  if (stuck.length === 0) return turn
  return turn === '' ? `its tasks wait where none runs now: ${sentencesOf(stuck)}` : `${turn}, and where none runs now: ${sentencesOf(stuck)}`
}

function nobodyFor(state: State, job: Job, line: Line): string {
  const fitting = [...state.books.values()].filter(
    ({ id, node }) => node !== undefined && node.state !== 'gone' && !job.refusals.has(id) && fits({ ...node, state: 'up' }, line.want),
  )
  return fitting.length === 0 ? 'no node of the domain can run it' : sentencesOf(fitting)
}

/** `2 nodes are full, 1 does not answer`. */
function sentencesOf(books: readonly Book[]): string {
  const answering = books.filter(({ node }) => node !== undefined && node.state !== 'suspect' && node.state !== 'gone')
  const silent = books.length - answering.length
  const said = sentenceOf(answering.map(reasonOf))
  const who = said !== '' ? '' : silent === 1 ? ' node' : ' nodes'
  const unheard = silent === 0 ? '' : `${silent}${who} ${silent === 1 ? 'does' : 'do'} not answer`
  return [said, unheard].filter((text) => text !== '').join(', ')
}

/** Its own word; of a node that names none and takes nothing, its places are taken. */
function reasonOf({ node }: Book): Reason {
  if (node?.state === 'draining') return 'draining'
  return node?.now === 0 && isReason(node.reason) ? node.reason : 'full'
}

function holdersOf(state: State, job: Job): Book[] {
  return [...state.books.values()].filter(({ attempts }) => [...attempts].some(({ task, is }) => task.job === job && is === 'accepted'))
}
