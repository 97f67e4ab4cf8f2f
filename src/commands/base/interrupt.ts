/**
 * What ^C means while a job is watched: the first leaves the job to itself, the second cancels it. Where the domain lives for
 * this job only, and somebody sits there, the first asks.
 */
import { createInterface } from 'node:readline'

/** How long a second ^C is waited for. @default 2_000 (ms) */
export const graceMs = 2_000

export type Interrupt = 'detach' | 'cancel'

export interface Asker {
  /** Says what the first ^C did, and what a second would do. */
  told(): void
  /** The question of a throw-away domain; undefined where nobody can answer it. */
  readonly question: string | undefined
  /** Ends the wait without an answer: the job is over. */
  readonly signal: AbortSignal
}

/** Resolves at the user's decision, or never: until `signal` ends, ^C is ours. */
export function interrupted({ told, question, signal }: Asker): Promise<Interrupt> {
  return new Promise((resolve) => {
    let times = 0
    const onSigint = () => {
      times++
      if (times > 1) return resolve('cancel')
      told()
      if (question === undefined) setTimeout(() => resolve('detach'), graceMs).unref()
      else answerTo(question, signal, resolve)
    }
    process.on('SIGINT', onSigint)
    signal.addEventListener('abort', () => process.off('SIGINT', onSigint), { once: true })
  })
}

/** `y` cancels, and so does another ^C; anything else leaves it running. */
function answerTo(question: string, over: AbortSignal, resolve: (how: Interrupt) => void): void {
  const asked = createInterface({ input: process.stdin, output: process.stderr })
  const answer = (how: Interrupt) => {
    resolve(how)
    asked.close()
  }
  asked.on('SIGINT', () => answer('cancel'))
  asked.question(question, (text) => answer(/^y/i.test(text.trim()) ? 'cancel' : 'detach'))
  // What is asked about is over: the answer does not matter any more.
  const leave = () => {
    asked.close()
    process.stderr.write('\n')
  }
  over.addEventListener('abort', leave)
  asked.on('close', () => {
    over.removeEventListener('abort', leave)
    resolve('detach')
  })
}
