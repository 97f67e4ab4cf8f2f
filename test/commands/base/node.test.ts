import t from 'tap'
import { cutText, findNode, holdText, queueText, roomText, slotsText, wholeQueueText } from '../../../src/commands/base/node.ts'

const ada = { id: `a${'x'.repeat(51)}`, name: 'ada', self: true }
const ben = { id: `b${'x'.repeat(51)}`, name: 'ben', self: false }
const ben2 = { id: `c${'x'.repeat(51)}`, name: 'ben', self: false }

t.test('a node is found by its name, its id or the beginning of one, and without any it is our own', async (t) => {
  const all = [ada, ben]
  t.equal(findNode(all, undefined, 'ipdc node queue'), ada)
  t.equal(findNode(all, 'ben', 'ipdc node queue'), ben)
  t.equal(findNode(all, 'bx', 'ipdc node queue'), ben)
})

t.test('what is no node, or two, says what to type', async (t) => {
  t.throws(() => findNode([ada, ben, ben2], 'ben', 'ipdc node queue'), { code: 'USAGE', hint: `ipdc node queue ${ben2.id}` })
  t.throws(() => findNode([ada, ben], 'benn', 'ipdc node queue'), { code: 'NOT_FOUND', hint: 'ipdc node queue ben' })
  t.throws(() => findNode([ada], 'zzzzzz', 'ipdc node queue'), { code: 'NOT_FOUND', hint: 'ipdc node list' })
})

t.test('slots, queue and what holds a node back are told in few words', async (t) => {
  t.equal(slotsText({ now: 2, slots: 2 }), '2')
  t.equal(slotsText({ now: 1, slots: 2 }), '1/2')
  t.equal(queueText({ queue: { use: 'embedded', waiting: 12, running: 2, limit: 64 } }), '12+2')
  t.equal(queueText({}), '?')
  t.equal(wholeQueueText({ queue: { use: 'embedded', waiting: 12, running: 2, limit: 64 } }), 'embedded: 2 running, 12 waiting, at most 64')
  t.equal(wholeQueueText({}), '?')
  t.equal(roomText({ room: 1 }), 'room for 1 task')
  t.equal(roomText({ room: 0 }), 'room for 0 tasks')
  t.equal(holdText({ state: 'up', now: 2 }), '')
  t.equal(holdText({ state: 'up', now: 1, reason: 'load' }), 'takes fewer: its processors do other work')
  t.equal(holdText({ state: 'up', now: 0, reason: 'paused' }), 'takes nothing: it is paused')
  t.equal(holdText({ state: 'up', now: 2, reason: 'full' }), 'takes nothing: all its places are taken')
  t.equal(holdText({ state: 'gone', now: 0, reason: 'paused' }), '', 'what it said last is of no use any more')
})

t.test('a list that was cut says so, and how much there is', async (t) => {
  t.equal(cutText(999, undefined), '')
  t.equal(cutText(1_000, 1_000), '')
  t.equal(cutText(1_000, 4_321), 'Only the first 1000 are listed, of 4321')
  t.equal(cutText(1_000, undefined), 'Only the first 1000 are listed')
})
