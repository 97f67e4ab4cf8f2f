/** `ipdc down`: ends the node of this home. */
import * as Flags from '@oclif/core/flags'
import { killSilent } from '../core/client/silent.ts'
import { codeOf } from '../core/errors.ts'
import { gone, goneProcess } from './base/gone.ts'
import { BaseCommand } from './base.ts'

/** With --now an agent that does not answer by then is killed. @default 5_000 (ms) */
const nowMs = 5_000

/** What `--json` prints. */
export interface Downed {
  readonly home: string
  /** Process that was ended; null where none ran. */
  readonly pid: number | null
}

export default class Down extends BaseCommand {
  static override summary = 'End the node of this machine'
  static override description = `It takes nothing new, finishes the tasks that run, and ends; open jobs go on when it is up again.
Where none runs there is nothing to do, and that is no error.`
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --now']
  static override flags = {
    now: Flags.boolean({ description: 'end running tasks too; another node, or this one later, runs them again. A node that does not answer is killed' }),
  }

  async run(): Promise<Downed> {
    const { flags } = await this.parse(Down)
    try {
      return await this.#stop(flags.now)
    } catch (error) {
      if (codeOf(error) === 'NO_AGENT') return this.#none()
      if (codeOf(error) === 'TIMEOUT' && flags.now) return await this.#kill()
      throw error
    }
  }

  async #stop(now: boolean): Promise<Downed> {
    const { agent, client, session } = await this.connect(now ? { answerMs: nowMs } : {})
    if (agent.queue.running > 0 && !now) this.say(`Waiting for ${agent.queue.running} running tasks. Not to wait: ipdc down --now`)
    await client.stop({ now })
    await gone(agent.pid, session)
    this.say(`Node ${agent.name} is down`)
    return { home: this.home, pid: agent.pid }
  }

  #none(): Downed {
    this.say(`No node runs in ${this.home}`)
    return { home: this.home, pid: null }
  }

  async #kill(): Promise<Downed> {
    const pid = killSilent(this.home)
    await goneProcess(pid)
    this.say(`The node of ${this.home} did not answer: its process ${pid} was killed. Open jobs go on when it is up again.`)
    return { home: this.home, pid }
  }
}
