/** Carries out what the lifecycle decides: messages to nodes, records to journals, outcomes to `coordinate`, news to watchers. */
import type { JobId, NodeId } from '../kind.ts'
import type { Log } from '../log.ts'
import type { Event } from './event.ts'
import type { Instruction } from './instruction.ts'
import type { JournalEntry } from './journal.ts'
import type { OpenJob } from './open-job.ts'
import type { Post } from './post.ts'

export interface CarryOptions {
  readonly post: Post
  readonly open: ReadonlyMap<JobId, OpenJob>
  readonly apply: (event: Event) => void
  /** Tells a node that a job is not open here. */
  readonly tellClosed: (node: NodeId, job: JobId) => void
  readonly log: Log
}

export function createCarry({ post, open, apply, tellClosed, log }: CarryOptions): (instruction: Instruction) => void {
  return (instruction) => {
    const one = 'job' in instruction ? open.get(instruction.job) : undefined
    switch (instruction.is) {
      case 'offer':
        post.offer(instruction)
        return
      case 'cancel':
        post.cancel(instruction)
        return
      case 'grant':
        post.grant(instruction)
        return
      case 'note':
        post.note(instruction)
        return
      case 'close':
        // One that is being closed is told with all others, when its end is on disk.
        if (one === undefined) tellClosed(instruction.node, instruction.job)
        else one.drive.touched.add(instruction.node)
        return
      case 'commit': {
        const { job, task, stage, node, term, attempt, result } = instruction
        write(one, { is: 'committed', task, stage, node, term, attempt, result: result.bytes }, () => apply({ is: 'synced', job, task, term, attempt }))
        return
      }
      case 'withdraw':
        write(one, { is: 'withdrawn', task: instruction.task })
        return
      case 'charge':
        charge(one, instruction)
        return
      case 'outcome':
        one?.drive.tell(instruction.run, instruction.task, instruction.outcome)
        return
      case 'remade':
        one?.drive.remade(instruction.want, undefined)
        return
      case 'unmade':
        one?.drive.remade(instruction.want, instruction.error)
        return
      case 'event':
        show(one, instruction)
        return
      case 'warn':
        one?.drive.warn(instruction.message)
        return
      case 'fenced': {
        const { is: _, ...fields } = instruction
        log.info(fields, 'not taken')
        return
      }
    }
  }

  function write(one: OpenJob | undefined, entry: JournalEntry, synced?: () => void): void {
    one?.journal.append(entry).then(synced, (error) => unwritten(one, error))
  }

  function charge(one: OpenJob | undefined, { job, task, charge }: Instruction & { is: 'charge' }): void {
    const { node, of } = charge
    write(one, { is: 'charged', task, ...charge }, of && (() => post.note({ node, job, task, ...of })))
  }

  /** The job cannot keep its word any more. What is lost here is only what a restart would do again. */
  function unwritten({ job, drive }: OpenJob, error: unknown): void {
    if (drive.isOver) return
    log.error({ job: job.id, err: error }, 'journal cannot be written')
    drive.fail(error)
  }
}

function show(one: OpenJob | undefined, { stage, task, attempt, node, state, error }: Instruction & { is: 'event' }): void {
  // Whoever was offered something may hold something.
  one?.drive.touched.add(node)
  one?.watch.tell({ is: 'task', stage, task, attempt, node, state, ...(error === undefined ? {} : { error }) })
  one?.watch.changed()
}
