/**
 * Names on the wire. Every topic is one of four, and every name in it fits `namePattern`: a broker may end the whole connection
 * over one `+` in a topic, so none is ever let out or in.
 *
 *   ipdc/1/<domain>/node/<node>/presence    retained; the node writes, all members read
 *   ipdc/1/<domain>/node/<node>/inbox       all members write, the node reads
 *   ipdc/1/<domain>/job/<job>/events        progress, QoS 0
 *   ipdc/1/<domain>/join/<token>            while a machine becomes a member
 */
import { IpdcError } from '../errors.ts'
import { type JobId, type NodeId, namePattern } from '../kind.ts'

export type Topic =
  | { readonly is: 'presence'; readonly domain: string; readonly node: NodeId }
  | { readonly is: 'inbox'; readonly domain: string; readonly node: NodeId }
  | { readonly is: 'events'; readonly domain: string; readonly job: JobId }
  | { readonly is: 'join'; readonly domain: string; readonly token: string }

/** @throws BAD_TOPIC, as all below */
export function presenceTopic(domain: string, node: NodeId): string {
  return `ipdc/1/${name(domain)}/node/${name(node)}/presence`
}

export function inboxTopic(domain: string, node: NodeId): string {
  return `ipdc/1/${name(domain)}/node/${name(node)}/inbox`
}

export function eventsTopic(domain: string, job: JobId): string {
  return `ipdc/1/${name(domain)}/job/${name(job)}/events`
}

export function joinTopic(domain: string, token: string): string {
  return `ipdc/1/${name(domain)}/join/${name(token)}`
}

/** The presence of all members. */
export function presenceFilter(domain: string): string {
  return `ipdc/1/${name(domain)}/node/+/presence`
}

export function parseTopic(topic: string): Topic {
  const [root, version, domain = '', kind, subject = '', leaf, ...rest] = topic.split('/')
  if (root === 'ipdc' && version === '1' && rest.length === 0 && namePattern.test(domain) && namePattern.test(subject)) {
    if (kind === 'node' && (leaf === 'presence' || leaf === 'inbox')) return { is: leaf, domain, node: subject }
    if (kind === 'job' && leaf === 'events') return { is: 'events', domain, job: subject }
    if (kind === 'join' && leaf === undefined) return { is: 'join', domain, token: subject }
  }
  throw bad(topic)
}

/** A topic, or one whose node, job or token is `+`. Never more than one domain. */
export function checkFilter(filter: string): void {
  const levels = filter.split('/')
  if (levels[4] === '+') levels[4] = 'any'
  try {
    parseTopic(levels.join('/'))
  } catch {
    throw bad(filter)
  }
}

/** Whether a message of this topic is for a subscription of this filter (MQTT 3.1.1 §4.7, without `#`). */
export function matches(filter: string, topic: string): boolean {
  if (filter === topic) return true
  const [wanted, given] = [filter.split('/'), topic.split('/')]
  return wanted.length === given.length && wanted.every((level, i) => level === '+' || level === given[i])
}

function name(text: string): string {
  if (!namePattern.test(text))
    throw new IpdcError('BAD_TOPIC', { message: `"${text.slice(0, 80)}" cannot stand in a topic`, hint: 'Lower-case letters, digits and dashes, at most 63' })
  return text
}

function bad(topic: string): IpdcError {
  return new IpdcError('BAD_TOPIC', { message: `"${topic.slice(0, 200)}" is no topic of ipdc` })
}
