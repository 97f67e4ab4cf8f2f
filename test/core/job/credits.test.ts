import t from 'tap'
import { staleMs } from '../../../src/core/job/credits.ts'
import { Desk } from './desk.ts'

function busy(tasks: number, room = 3): { desk: Desk; offered: string[] } {
  const desk = new Desk()
  desk.job()
  desk.node('a', { room })
  const offered = Array.from({ length: tasks }, (_, i) => desk.task(`s/${i}`).offers).flat()
  return { desk, offered }
}

t.test('the first offers go by the room of the presence, and no further', async (t) => {
  const { offered } = busy(5)
  t.same(offered, ['s/0#1 → a', 's/1#1 → a', 's/2#1 → a'])
})

t.test('then the word of the node counts, less what it had not seen when it spoke', async (t) => {
  const { desk } = busy(8)
  t.same(desk.says('a', 'accepted', 's/0', { free: 2 }).offers, [], 'two are under way')
  t.same(desk.says('a', 'accepted', 's/1', { free: 3 }).offers, ['s/3#1 → a', 's/4#1 → a'])
  t.same(desk.says('a', 'accepted', 's/2', { free: 0 }).offers, [])
})

t.test('an older word does not count', async (t) => {
  const { desk } = busy(6)
  desk.says('a', 'accepted', 's/0', { free: 0, seq: 20 })
  desk.says('a', 'accepted', 's/1', { free: 9, seq: 19 })
  t.same(desk.says('a', 'accepted', 's/2', { free: 9, seq: 20 }).offers, [])
  t.same(desk.beat('a', { free: 1, seq: 21 }).offers, ['s/3#1 → a'])
})

t.test('a full node refuses at no cost, and gets nothing before it has spoken again', async (t) => {
  const { desk } = busy(3)
  desk.node('b', { room: 0 })
  const said = desk.says('a', 'refused', 's/0', { free: 5, error: { code: 'QUEUE_FULL', message: '' } })
  t.same(said.of('charge'), [])
  t.same(said.offers, [])
  t.match(said.of('event'), [{ state: 'refused' }])
  t.same(desk.beat('a', { free: 3 }).offers, ['s/0#2 → a'])
})

t.test('a full node that is silent for long is asked with one offer', async (t) => {
  const { desk } = busy(0)
  desk.beat('a', { free: 0 })
  t.same(desk.task('s/0').offers, [])
  desk.task('s/1')
  t.same(desk.pass(staleMs - 500).offers, [])
  t.same(desk.pass(500).offers, ['s/0#1 → a'], 'one')
})

t.test('draining and suspect nodes get nothing new', async (t) => {
  const { desk } = busy(0)
  for (const state of ['draining', 'suspect', 'gone'] as const) {
    desk.node('a', { state })
    t.same(desk.task(`s/${state}`).offers, [])
  }
  t.equal(desk.node('a').offers.length, 3)
})

t.test('a new start of a node makes its old promises void', async (t) => {
  const { desk } = busy(0)
  desk.beat('a', { free: 0 })
  desk.task('s/1')
  t.same(desk.node('a', { boot: 2, room: 2 }).offers, ['s/1#1 → a'])
})

t.test('the words of a forged or foreign answer change no attempt', async (t) => {
  const { desk } = busy(1)
  desk.node('b')
  t.same(desk.says('b', 'done', 's/0', { attempt: 1 }).outcomes, [])
  t.same(desk.says('b', 'started', 's/0', { attempt: 1 }).cancels, ['s/0#1.1 at b'])
  desk.says('b', 'refused', 's/0', { attempt: 1, error: { code: 'REFUSED', message: '' } })
  desk.says('b', 'failed', 's/0', { attempt: 1, error: { code: 'NO_INPUT', message: '' } })
  desk.says('b', 'cancelled', 's/0', { attempt: 1 })
  t.equal(desk.taskOf('s/0')?.live.get('1.1')?.node, 'a')
  t.same(desk.says('a', 'done', 's/0').outcomes, ['s/0 done'])
})

t.test('a node with a slot free comes before one where the task would wait, unless that one is preferred', async (t) => {
  const desk = new Desk()
  desk.job()
  for (const id of ['a', 'b', 'c']) desk.node(id, { room: 3, slots: 1 })
  const nodeOf = (offer: string | undefined) => offer?.split(' → ')[1] ?? ''
  const first = ['s/0', 's/1', 's/2'].map((task) => nodeOf(desk.task(task).offers[0]))
  t.same(first.sort(), ['a', 'b', 'c'], 'one each')
  t.not(nodeOf(desk.task('s/3').offers[0]), '', 'then room counts')
  const idle = new Desk()
  idle.job()
  idle.node('a', { room: 3, slots: 1 })
  idle.task('s/0')
  idle.node('b', { room: 3, slots: 1 })
  t.same(idle.task('s/1', { prefer: ['a'] }).offers, ['s/1#1 → a'])
})

t.test('a presence that tells of no room counts as a word, and so does the one that tells of some again', async (t) => {
  const desk = new Desk()
  desk.job()
  desk.node('a', { room: 2 })
  desk.task('s/1')
  desk.says('a', 'started', 's/1', { free: 3, seq: 5 })
  desk.node('a', { room: 0, now: 0, reason: 'paused', seq: 6 })
  t.same(desk.task('s/2').offers, [])
  t.same(desk.node('a', { room: 2, seq: 7 }).offers, ['s/2#1 → a'], 'at once, though it has not said a word to this coordinator')
})

t.test('a presence older than the word of its node changes nothing', async (t) => {
  const desk = new Desk()
  desk.job()
  desk.node('a', { room: 2 })
  desk.task('s/1')
  desk.says('a', 'started', 's/1', { free: 3, seq: 5 })
  desk.node('a', { room: 0, seq: 4 })
  t.equal(desk.task('s/2').offers.length, 1)
})

t.test('what a node gives back goes to another, and nobody is charged', async (t) => {
  const desk = new Desk()
  desk.job()
  desk.node('a', { room: 1 })
  desk.task('s/1')
  desk.says('a', 'accepted', 's/1')
  desk.node('b', { room: 1 })
  const back = desk.says('a', 'cancelled', 's/1', { free: 9 })
  t.same(back.of('charge'), [])
  t.equal(desk.state.jobs.get('j')?.stages.get('s')?.lost, 0, 'it had not begun')
  t.same(desk.pass(1_500).offers, ['s/1#2 → b'], 'though the other has more room')
})
