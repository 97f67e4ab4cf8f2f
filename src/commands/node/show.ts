/** `ipdc node show NODE`: one node, whole; of this home's own also what its agent knows of itself. */

import type { AgentView, NodeView } from '../../core/client/api.ts'
import { bytesText, durationText } from '../base/amounts.ts'
import { optional } from '../base/args.ts'
import { damagedText, findNode, holdText, roomText, slotsText, wholeQueueText } from '../base/node.ts'
import { sheet } from '../base/table.ts'
import { BaseCommand } from '../base.ts'

export default class NodeShow extends BaseCommand {
  static override summary = 'Show a node; without NODE the one of this home'
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> ada --json']
  static override args = { node: optional('name of a node, or its id or the beginning of one') }

  async run(): Promise<NodeView> {
    const { args } = await this.parse(NodeShow)
    const { client } = await this.connect()
    const node = findNode(await client.nodes({ status: true }), args.node, 'ipdc node show')
    this.print(sheet([...linesOf(node), ...(node.agent === undefined ? [] : ownLines(node.agent))], this.out))
    return node
  }
}

function linesOf(node: NodeView): [string, string | undefined][] {
  return [
    ['node', node.name],
    ['id', node.id],
    ['state', node.state],
    ['seen', `${node.seenSeconds.toFixed(1)} s ago`],
    ['slots', `${slotsText(node)}, ${roomText(node)}`],
    ['takes', holdText(node).replace('takes ', '')],
    ['queue', node.self ? undefined : wholeQueueText(node)],
    ['memory', bytesText(node.memory)],
    ['kinds', node.kinds.join(' ')],
    ['labels', node.labels.join(' ')],
    ['engines', node.engines.join(' ')],
    ['addresses', node.addresses.join(' ')],
    ['version', node.version],
  ]
}

function ownLines(agent: AgentView): [string, string | undefined][] {
  const refused = Object.entries(agent.refused).map(([reason, count]) => `${reason} ${count}`)
  return [
    ['home', agent.home],
    ['process', String(agent.pid)],
    ['up', durationText(agent.upSeconds * 1000)],
    ['domain', `${agent.domain.name} (${agent.domain.id})${agent.domain.throwAway ? ', throw-away' : ''}`],
    ['broker', [agent.broker.is, agent.broker.url, agent.broker.cause, agent.broker.serving && `serving ${agent.broker.serving}`].filter(Boolean).join(', ')],
    ['queue', ownQueueText(agent.queue)],
    ['queue damaged', agent.queue.damaged && damagedText(agent.queue.damaged)],
    ['queue down', agent.queue.down && [agent.queue.down.message, agent.queue.down.hint].filter(Boolean).join(' — ')],
    ['store', `${agent.store.use}: ${agent.store.blocks} blocks, ${bytesText(agent.store.bytes)} of ${bytesText(agent.store.limit)}`],
    ['gateway', `${agent.gateway.url}: served ${bytesText(agent.gateway.servedBytes)}, fetched ${bytesText(agent.gateway.fetchedBytes)}`],
    ['open jobs', String(agent.openJobs)],
    ['refused', refused.join(', ')],
  ]
}

function ownQueueText(queue: AgentView['queue']): string {
  const { path, bytes, url } = queue
  const where = [path, bytes === undefined ? undefined : bytesText(bytes), url].filter(Boolean).join(', ')
  return `${wholeQueueText({ queue })}${where === '' ? '' : `; ${where}`}`
}
