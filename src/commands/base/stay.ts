/** Keeps an agent in the foreground: ^C lets it finish what runs, ^C once more ends it at once. */
import type { Launched } from '../../core/client/launch.ts'
import { IpdcError } from '../../core/errors.ts'

/** Resolves when the agent has ended because somebody told it to, from here or by `ipdc down`. @throws NO_AGENT where it broke */
export async function stay({ client, exited, agent, kill }: Launched, say: (line: string) => void, greeting: readonly string[]): Promise<void> {
  let times = 0
  const onSignal = () => {
    times++
    if (times === 1) say('Ending after the tasks that run. ^C once more ends them too.')
    if (times > 2) kill()
    // It may be gone before it answers, and that is what was wanted.
    else client.stop({ now: times > 1 }).catch(() => {})
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, onSignal)
  // Said only now: whoever is told of ^C may press it.
  for (const line of greeting) say(line)
  const status = await exited()
  for (const signal of signals) process.off(signal, onSignal)
  if (status !== 0 && times === 0)
    throw new IpdcError('NO_AGENT', { message: `The node ended by itself, with ${status ?? 'a signal'}`, hint: `See ${agent.home}/agent.log` })
}
