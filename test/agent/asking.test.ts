import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import { type AskingOptions, createAsking } from '../../agent/asking.ts'
import { createOrders, type Signed } from '../../agent/orders.ts'
import type { NodeStatus, QueueOrder } from '../../src/core/client/api.ts'
import type { Node } from '../../src/core/cluster/members.ts'
import { silent } from '../../src/core/log.ts'
import { createCertificateReader, issueCertificate } from '../../src/core/trust/certificate.ts'
import { foundDomain } from '../../src/core/trust/domain.ts'
import { createIdentity } from '../../src/core/trust/identity.ts'
import { checkRequest } from '../../src/core/trust/request.ts'
import { openGateway, openHostile, openNobody, openStore } from '../core/transfer/nodes.ts'

const { domain, root } = foundDomain('lab')
const clock = { now: () => performance.now(), wall: () => Date.now() }

type Member = AskingOptions['membership']

function memberOf(roles: readonly string[]): Member {
  const identity = createIdentity()
  return { domain, identity, certificate: issueCertificate({ domain, root, node: identity, roles, wall: clock.wall() }) }
}

const nodeOf = (id: string, url: string, more: Partial<Node> = {}): Node => ({
  id,
  name: 'ben',
  state: 'up',
  announced: 'up',
  boot: 7,
  seq: 1,
  seenAt: 0,
  certificate: new Uint8Array(),
  addresses: [url],
  slots: 2,
  room: 4,
  kinds: [],
  labels: [],
  engines: [],
  memory: 1,
  version: '0',
  jobs: 0,
  ...more,
})

const status = (node: string): NodeStatus => ({ node, now: 0, slots: 2, reason: 'paused', queue: { use: 'embedded', waiting: 3, running: 1, limit: 64 } })
const entry = { job: 'job-1', stage: 'map', task: 'map/1', attempt: 1, is: 'waiting', coordinator: 'a'.repeat(52), seconds: 1.5 }

/** A node that tells how it is, and obeys operators; what it was ordered, and what it was sent. */
async function openNode(t: Test) {
  const identity = createIdentity()
  const certificates = createCertificateReader(domain)
  const ordered: QueueOrder[] = []
  const sent: Signed[] = []
  const desk = {
    carryOut: async (order: QueueOrder) => {
      ordered.push(order)
      return { dropped: order.do === 'drop' ? 3 : 0 }
    },
  }
  const orders = createOrders({ self: identity.id, boot: 7, domain, certificates, desk, clock, log: silent })
  const gateway = await openGateway(t, await openStore(t), {
    check: (headers, method, path) => checkRequest(headers, { method, path, self: identity.id, domain, wall: clock.wall(), certificates }),
    tells: { '/status': () => status(identity.id), '/queue': async () => [entry] },
    obeys: {
      '/queue'(signed) {
        sent.push(signed)
        return orders(signed)
      },
    },
  })
  return { node: nodeOf(identity.id, gateway.url), ordered, sent, gateway }
}

const asks = (membership: Member, ...nodes: Node[]) => createAsking({ members: { get: (id) => nodes.find((node) => node.id === id) }, membership, clock })

t.test('any member is told how full a node is, and what it holds', async (t) => {
  const { node } = await openNode(t)
  const asking = asks(memberOf(['node']), node)
  t.same((await asking.statuses([node])).get(node.id), status(node.id))
  t.same(await asking.queue(node.id), [entry])
})

t.test('an operator is obeyed, any other member is told who would be', async (t) => {
  const { node, ordered } = await openNode(t)
  t.same(await asks(memberOf(['node', 'operator']), node).order(node.id, { do: 'drop', job: 'all' }), { dropped: 3 })
  await t.rejects(asks(memberOf(['node', 'submitter']), node).order(node.id, { do: 'pause' }), { code: 'REFUSED', hint: /machine itself/ })
  t.same(ordered, [{ do: 'drop', job: 'all' }])
})

t.test('an order that was heard once is refused when it comes again, and so is one with another body', async (t) => {
  const { node, ordered, sent, gateway } = await openNode(t)
  await asks(memberOf(['operator']), node).order(node.id, { do: 'pause' })
  const [first] = sent
  const { authorization = '', 'ipdc-certificate': certificate = '' } = first?.headers ?? {}
  const headers = { authorization, 'ipdc-certificate': String(certificate) }
  t.equal((await post(gateway.url, headers, Buffer.from(first?.body ?? []))).status, 403)
  t.equal((await post(gateway.url, headers, Buffer.from('{"do":"resume"}'))).status, 403)
  t.equal((await post(gateway.url, {}, Buffer.from('{"do":"resume"}'))).status, 403)
  t.equal((await post(gateway.url, headers, Buffer.alloc(5_000, 32))).status, 413)
  t.same(ordered, [{ do: 'pause' }])
})

t.test('an order for another start of the node, or of no form, is not carried out', async (t) => {
  const { node, ordered } = await openNode(t)
  const operator = memberOf(['operator'])
  await t.rejects(asks(operator, { ...node, boot: 6 }).order(node.id, { do: 'pause' }), { code: 'BAD_SIGNATURE' })
  await t.rejects(asks(operator, node).order(node.id, { do: 'drop', job: '../x' }), {
    code: 'BAD_DATA',
    message: /the id of a job has small letters, digits and hyphens only$/,
  })
  t.same(ordered, [])
})

t.test('a node that is not known, or gone, or away is named', async (t) => {
  const nobody = await openNobody('x')
  const asking = asks(memberOf(['node']), nodeOf('away', nobody.url), nodeOf('gone', nobody.url, { state: 'gone' }), nodeOf('bare', '', { addresses: [] }))
  await t.rejects(asking.queue('other'), { code: 'NOT_FOUND' })
  for (const id of ['away', 'gone', 'bare']) await t.rejects(asking.queue(id), { code: 'UNREACHABLE' })
})

t.test('nothing that a node answers is believed: no form, no end, no sense, another name', async (t) => {
  const answers: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
    form: (_request, response) => response.end('[{"job":"../../etc"}]'),
    end: (_request, response) => void response.end(Buffer.alloc(2 << 20, 32)),
    sense: (_request, response) => response.end('<html>'),
    error: (_request, response) => response.writeHead(409, {}).end('{"code":"BUSY","message":"later","hint":"wait"}'),
    other: (_request, response) => response.end(JSON.stringify(status('b'.repeat(52)))),
  }
  const nodes: Node[] = []
  for (const [name, answer] of Object.entries(answers)) nodes.push(nodeOf(name, (await openHostile(t, name, answer)).url))
  const asking = asks(memberOf(['node']), ...nodes)
  await t.rejects(asking.queue('form'), { code: 'BAD_DATA' })
  await t.rejects(asking.queue('end'), { code: 'UNREACHABLE' })
  await t.rejects(asking.queue('sense'), { code: 'UNREACHABLE' })
  await t.rejects(asking.queue('error'), { code: 'BUSY', hint: 'wait' })
  t.equal((await asking.statuses(nodes)).size, 0, 'what is wrong, or of another node, counts as no answer')
})

t.test('one that does not answer holds up nobody for longer than its second', async (t) => {
  const { node } = await openNode(t)
  const silentNode = await openHostile(t, 's', () => {})
  const began = performance.now()
  const told = await asks(memberOf(['node'])).statuses([nodeOf('s', silentNode.url), node])
  t.same([...told.keys()], [node.id])
  t.ok(performance.now() - began < 3_000)
})

function post(url: string, headers: Record<string, string>, body: Buffer): Promise<{ status: number }> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest(`${url}/queue`, { method: 'POST', headers: { ...headers, 'content-length': body.length }, agent: false }, (response) => {
      response.resume()
      response.once('close', () => resolve({ status: response.statusCode ?? 0 }))
    })
    asked.once('error', reject)
    asked.end(body)
  })
}
