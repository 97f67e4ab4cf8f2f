/** `ipdc node list`: the members of the domain, as this home's agent sees them and as they tell themselves. */
import type { NodeView } from '../../core/client/api.ts'
import { bytesText } from '../base/amounts.ts'
import { holdText, queueText, slotsText } from '../base/node.ts'
import { table } from '../base/table.ts'
import { BaseCommand } from '../base.ts'

export default class NodeList extends BaseCommand {
  static override summary = 'List the nodes of the domain'
  static override description =
    `SLOTS is how many tasks a node runs at once; 1/2 where that is fewer than it was given. QUEUE is what waits there + what runs there; ? where the node did not answer.
SEEN is how long ago a node last gave a sign of life; * marks the node of this home. NOTE says why a node takes nothing, or less than it could.`
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json']

  async run(): Promise<NodeView[]> {
    await this.parse(NodeList)
    const { client } = await this.connect()
    const nodes = await client.nodes({ status: true })
    this.print(table(['NODE', 'ID', 'STATE', 'SLOTS', 'QUEUE', 'MEMORY', 'KINDS', 'SEEN', 'NOTE'], nodes.map(rowOf), this.out))
    return nodes
  }
}

function rowOf(node: NodeView): (string | number)[] {
  return [
    node.self ? `${node.name}*` : node.name,
    node.id.slice(0, 8),
    node.state,
    slotsText(node),
    queueText(node),
    bytesText(node.memory),
    node.kinds.join(','),
    `${Math.round(node.seenSeconds)} s`,
    holdText(node),
  ]
}
