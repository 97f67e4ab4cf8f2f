import fc from 'fast-check'
import t from 'tap'
import { codeOf } from '../../../src/core/errors.ts'
import { checkFilter, eventsTopic, inboxTopic, joinTopic, matches, parseTopic, presenceFilter, presenceTopic } from '../../../src/core/wire/topic.ts'
import { seeded } from '../../fixtures/seed.ts'

t.test('what is built is what is parsed', async (t) => {
  t.same(parseTopic(presenceTopic('d', 'n')), { is: 'presence', domain: 'd', node: 'n' })
  t.same(parseTopic(inboxTopic('d', 'n')), { is: 'inbox', domain: 'd', node: 'n' })
  t.same(parseTopic(eventsTopic('d', 'j')), { is: 'events', domain: 'd', job: 'j' })
  t.same(parseTopic(joinTopic('d', 'k')), { is: 'join', domain: 'd', token: 'k' })
  t.equal(presenceTopic('d', 'n'), 'ipdc/1/d/node/n/presence')
})

t.test('a name that a broker could trip over never gets into a topic', async (t) => {
  for (const bad of ['+', '#', '', 'a/b', 'A', '$sys', 'a\u0000', 'é', '-a', 'a'.repeat(64)]) {
    t.throws(() => inboxTopic('d', bad), { code: 'BAD_TOPIC' })
    t.throws(() => presenceFilter(bad), { code: 'BAD_TOPIC' })
    t.throws(() => parseTopic(`ipdc/1/d/node/${bad}/inbox`), { code: 'BAD_TOPIC' })
  }
})

t.test('nothing but the four forms is a topic', async (t) => {
  for (const bad of [
    '',
    'ipdc',
    'ipdc/2/d/node/n/inbox',
    'ipdc/1/d/node/n',
    'ipdc/1/d/node/n/inbox/x',
    'ipdc/1/d/join/k/x',
    'ipdc/1/d/job/j/inbox',
    '/ipdc/1/d/node/n/inbox',
    '$SYS/x',
    '#',
  ]) {
    t.throws(() => parseTopic(bad), { code: 'BAD_TOPIC' })
  }
})

t.test('a filter is a topic, or all nodes or jobs of one domain', async (t) => {
  checkFilter(presenceFilter('d'))
  checkFilter(inboxTopic('d', 'n'))
  checkFilter('ipdc/1/d/job/+/events')
  for (const bad of [
    '#',
    'ipdc/#',
    'ipdc/1/+/node/n/inbox',
    'ipdc/1/d/+/n/inbox',
    'ipdc/1/d/node/n/+',
    '$share/g/ipdc/1/d/node/n/inbox',
    '+/1/d/node/n/inbox',
  ]) {
    t.throws(() => checkFilter(bad), { code: 'BAD_TOPIC' })
  }
})

t.test('a filter of all members takes their presence and nothing else', async (t) => {
  t.ok(matches(presenceFilter('d'), presenceTopic('d', 'n')))
  t.notOk(matches(presenceFilter('d'), presenceTopic('e', 'n')))
  t.notOk(matches(presenceFilter('d'), inboxTopic('d', 'n')))
  t.ok(matches(inboxTopic('d', 'n'), inboxTopic('d', 'n')))
  t.notOk(matches(inboxTopic('d', 'n'), inboxTopic('d', 'm')))
})

t.test('any text parses or is refused with our error', async () => {
  const text = fc.oneof(
    fc.string(),
    fc.array(fc.oneof(fc.constantFrom('ipdc', '1', 'node', 'inbox', 'job', '+', 'd'), fc.string()), { maxLength: 8 }).map((levels) => levels.join('/')),
  )
  fc.assert(
    fc.property(text, (topic) => {
      try {
        const parsed = parseTopic(topic)
        return topic.startsWith(`ipdc/1/${parsed.domain}/`)
      } catch (error) {
        return codeOf(error) === 'BAD_TOPIC'
      }
    }),
    seeded(1000),
  )
})
