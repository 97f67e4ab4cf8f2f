/** `ipdc down`: ends the node of this home. */
import * as Flags from '@oclif/core/flags'
import type { Connection } from '../core/client/connect.ts'
import { codeOf } from '../core/errors.ts'
import { gone } from './base/gone.ts'
import { BaseCommand } from './base.ts'

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
  static override flags = { now: Flags.boolean({ description: 'end running tasks too; another node, or this one later, runs them again' }) }

  async run(): Promise<Downed> {
    const { flags } = await this.parse(Down)
    const running = await this.#running()
    if (running === undefined) {
      this.say(`No node runs in ${this.home}`)
      return { home: this.home, pid: null }
    }
    const { agent, client, session } = running
    if (agent.queue.running > 0 && !flags.now) this.say(`Waiting for ${agent.queue.running} running tasks. Not to wait: ipdc down --now`)
    await client.stop({ now: flags.now })
    await gone(agent.pid, session)
    this.say(`Node ${agent.name} is down`)
    return { home: this.home, pid: agent.pid }
  }

  async #running(): Promise<Connection | undefined> {
    try {
      return await this.connect()
    } catch (error) {
      if (codeOf(error) !== 'NO_AGENT') throw error
      return undefined
    }
  }
}
