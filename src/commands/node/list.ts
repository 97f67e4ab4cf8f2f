/** `ipdc node list`: the members of the domain, as this home's agent sees them. */
import type { NodeView } from '../../core/client/api.ts'
import { bytesText } from '../base/amounts.ts'
import { table } from '../base/table.ts'
import { BaseCommand } from '../base.ts'

export default class NodeList extends BaseCommand {
  static override summary = 'List the nodes of the domain'
  static override description = 'SEEN is how long ago a node last gave a sign of life; * marks the node of this home.'
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json']

  async run(): Promise<NodeView[]> {
    await this.parse(NodeList)
    const { client } = await this.connect()
    const nodes = await client.nodes()
    this.print(table(['NODE', 'ID', 'STATE', 'SLOTS', 'MEMORY', 'KINDS', 'SEEN'], nodes.map(rowOf), this.out))
    return nodes
  }
}

function rowOf(node: NodeView): (string | number)[] {
  return [
    node.self ? `${node.name}*` : node.name,
    node.id.slice(0, 8),
    node.state,
    node.slots,
    bytesText(node.memory),
    node.kinds.join(','),
    `${Math.round(node.seenSeconds)} s`,
  ]
}
