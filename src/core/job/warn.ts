/** A warning of a job, said once. */
import type { Instruction } from './instruction.ts'
import type { Job } from './state.ts'

export function warn(out: Instruction[], job: Job, what: string, message: string): void {
  if (job.warned.has(what)) return
  job.warned.add(what)
  out.push({ is: 'warn', job: job.id, message })
}
