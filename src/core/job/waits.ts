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
  const queued = nodesWith(state, job)
  if (queued > 0) return `its tasks wait their turn on ${queued} ${queued === 1 ? 'node' : 'nodes'}`
  for (const line of job.lines.values()) {
    if (first(line) === undefined) continue
    return candidates(state, job, line).length > 0 ? undefined : nobodyFor(state, job, line)
  }
  return undefined
}

function nobodyFor(state: State, job: Job, line: Line): string {
  const given: Reason[] = []
  let silent = 0
  for (const book of state.books.values()) {
    const { node } = book
    if (node === undefined || node.state === 'gone' || job.refusals.has(book.id)) continue
    if (!fits({ ...node, state: 'up' }, line.want)) continue
    if (node.state === 'suspect') silent++
    else given.push(reasonOf(book))
  }
  const sentences = [sentenceOf(given), silent === 0 ? '' : `${silent} ${silent === 1 ? 'does' : 'do'} not answer`].filter((text) => text !== '')
  return sentences.length === 0 ? 'no node of the domain can run it' : sentences.join(', ')
}

/** Its own word; of a node that names none and takes nothing, its places are taken. */
function reasonOf({ node }: Book): Reason {
  if (node?.state === 'draining') return 'draining'
  return node?.now === 0 && isReason(node.reason) ? node.reason : 'full'
}

/** Nodes that have taken tasks of it, and run none. */
function nodesWith(state: State, job: Job): number {
  let count = 0
  for (const { attempts } of state.books.values()) {
    for (const { task, is } of attempts) {
      if (task.job !== job || is !== 'accepted') continue
      count++
      break
    }
  }
  return count
}
