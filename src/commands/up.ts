/** `ipdc up`: runs this machine's node. */
import * as Flags from '@oclif/core/flags'
import type { AgentView } from '../core/client/api.ts'
import { type Launched, launch } from '../core/client/launch.ts'
import { damagedText } from './base/node.ts'
import { stay } from './base/stay.ts'
import { BaseCommand } from './base.ts'

export default class Up extends BaseCommand {
  static override summary = 'Run the node of this machine'
  static override description =
    `In the foreground until ^C: running tasks are finished first, ^C once more ends them. With --detach in the background until "ipdc down".
A new home gets a domain of its own; without --broker the node serves a broker on loopback and uses it.
The agent's log is agent.log in the home.`
  static override examples = ['<%= config.bin %> <%= command.id %> --detach', '<%= config.bin %> <%= command.id %> --serve-broker 1883 --slots 2']
  static override flags = {
    detach: Flags.boolean({ char: 'd', description: 'leave it running in the background' }),
    'serve-broker': Flags.integer({
      description: 'port of a broker to run on loopback; 0 takes a free one',
      min: 0,
      max: 65_535,
      helpValue: 'PORT',
      exclusive: ['broker'],
    }),
    broker: Flags.string({ description: 'broker to use, mqtt://host:port; may be given more than once', multiple: true, helpValue: 'URL' }),
    slots: Flags.integer({ description: 'tasks that run at once [default: one a processor]', min: 1, max: 256, helpValue: 'N' }),
    name: Flags.string({ description: "what people see of this node [default: the host's name]", helpValue: 'NAME' }),
  }

  async run(): Promise<AgentView> {
    const { flags } = await this.parse(Up)
    const { detach, slots, name, broker: brokers = [], 'serve-broker': serveBroker } = flags
    const launched = this.keep(await launch({ home: this.home, slots, name, brokers, serveBroker, lifeline: !detach }))
    const { damaged } = launched.agent.queue
    if (damaged !== undefined) this.warning(`The queue of this node was damaged: ${damagedText(damaged)}`)
    if (detach) this.say(linesOf(launched, detach).join('\n'))
    else await stay(launched, (line) => this.say(line), linesOf(launched, detach))
    return launched.agent
  }
}

function linesOf({ agent, pid }: Launched, detach: boolean): string[] {
  return [
    `Node ${agent.name} of domain "${agent.domain.name}" is up (process ${pid}, ${agent.home})`,
    `Broker ${agent.broker.serving ?? agent.broker.url ?? agent.broker.cause ?? ''}${agent.broker.serving === undefined ? '' : ', served here'}`,
    `Log ${agent.home}/agent.log`,
    detach ? 'To end it: ipdc down' : 'To end it: ^C. To try it from another terminal: ipdc mr wordcount',
  ]
}
