/** `ipdc dev --nodes 3`: a whole domain on this machine, for other terminals to use. */
import * as Flags from '@oclif/core/flags'
import type { NodeView } from '../core/client/api.ts'
import { launch } from '../core/client/launch.ts'
import { namesOf } from './base/stages.ts'
import { stay } from './base/stay.ts'
import { BaseCommand } from './base.ts'

export default class Dev extends BaseCommand {
  static override summary = 'Keep a domain of several nodes on this machine, to try things'
  static override description = `Commands in other terminals find it by themselves. It has a broker of its own on loopback; ^C ends all of it.
The node of this home keeps its store and its jobs, the others leave nothing.`
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --nodes 5 --slots 1']
  static override flags = {
    nodes: Flags.integer({ description: 'nodes in all', default: 3, min: 1, max: 16, helpValue: 'N' }),
    slots: Flags.integer({ description: 'tasks that each node runs at once [default: the processors, shared among them]', min: 1, max: 256, helpValue: 'N' }),
  }

  async run(): Promise<NodeView[]> {
    const { flags } = await this.parse(Dev)
    const launched = this.keep(await launch({ home: this.home, companions: flags.nodes - 1, slots: flags.slots, lifeline: true }))
    const nodes = await launched.client.nodes()
    const greeting = [
      `A domain of ${nodes.length} nodes is up: ${[...namesOf(nodes).values()].join(', ')}`,
      'From another terminal: ipdc mr wordcount, ipdc node list. To end it: ^C',
    ]
    await stay(launched, (line) => this.say(line), greeting)
    return nodes
  }
}
