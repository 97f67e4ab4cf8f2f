import t from 'tap'
import { COMMANDS } from '../../src/commands/index.ts'
import { commandsMeant } from '../../src/commands/words.ts'

const ids = ['demo', 'dev', 'job:list', 'job:show', 'mr:wordcount']

t.test('words lead to a command, to those of a topic, or to all', (t) => {
  t.same(commandsMeant(['job', 'list'], ids), ['job:list'])
  t.same(commandsMeant(['mr', 'wordcount', 'book.txt', 'x', '--k', '3'], ids), ['mr:wordcount'])
  t.same(commandsMeant(['job'], ids), ['job:list', 'job:show'])
  t.same(commandsMeant([], ids), ids)
  t.same(commandsMeant(['--help'], ids), ids)
  t.same(commandsMeant(['demo', '--json'], ids), ['demo'])
  t.end()
})

t.test('a word that leads nowhere is a usage error that names the nearest', (t) => {
  const hint = (...argv: string[]) => {
    try {
      return commandsMeant(argv, ids)
    } catch (error) {
      return (error as { code: string; hint: string }).code === 'USAGE' ? (error as { hint: string }).hint : error
    }
  }
  t.equal(hint('jb', 'list'), 'ipdc job')
  t.equal(hint('job', 'lst'), 'ipdc job list')
  t.equal(hint('job', 'xyzzy'), 'ipdc job --help')
  t.equal(hint('wordcount'), 'ipdc mr wordcount')
  t.equal(hint('mr', 'wordcuont', 'book.txt'), 'ipdc mr wordcount')
  t.equal(hint('xyzzy'), 'ipdc --help')
  t.end()
})

t.test('every command has a summary, a typed result for --json and at least two examples', async (t) => {
  for (const [id, load] of Object.entries(COMMANDS)) {
    const { default: Command } = await load()
    t.match(Command.summary, /^[A-Z][^.]+$/, `${id} has a summary, one sentence without its stop`)
    t.ok((Command.examples?.length ?? 0) >= 2, `${id} has two examples`)
    t.ok(Command.enableJsonFlag, `${id} has --json`)
    for (const [name, flag] of Object.entries(Command.flags ?? {})) t.ok(flag.description || name === 'json', `${id} says what --${name} is`)
    for (const [name, arg] of Object.entries(Command.args ?? {})) t.ok(arg.description, `${id} says what ${name} is`)
  }
})
