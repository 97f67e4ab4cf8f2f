import t from 'tap'
import { exitOf, failureJson, failureText, fromOclif } from '../../../src/commands/base/failure.ts'
import { screenOf } from '../../../src/commands/base/screen.ts'
import { codeOf, IpdcError } from '../../../src/core/errors.ts'

const { paint } = screenOf({ write: () => true }, {})

t.test('an error says what, why and what to do', (t) => {
  const error = new IpdcError('NO_NODES', { message: 'Nobody runs mr@1', hint: 'ipdc node list', cause: new Error('all are mr@2\nat …') })
  t.equal(failureText(error, paint), 'Error NO_NODES Nobody runs mr@1\nCause all are mr@2\nTry: ipdc node list')
  t.same(failureJson(error), { error: { code: 'NO_NODES', message: 'Nobody runs mr@1', hint: 'ipdc node list' } })
  t.equal(exitOf(error), 69)
  t.end()
})

t.test('a cause that the message holds already is not said twice', (t) => {
  const error = new IpdcError('IO', { message: 'Cannot write a: EACCES', cause: new Error('EACCES') })
  t.equal(failureText(error, paint), 'Error IO Cannot write a: EACCES')
  t.end()
})

t.test('a foreign error is a defect of ours, exit 1', (t) => {
  t.equal(failureText(new TypeError('x is undefined'), paint), 'Error INTERNAL x is undefined')
  t.equal(exitOf(new TypeError('x')), 1)
  t.equal(exitOf('a string'), 1)
  t.end()
})

t.test('whoever pressed ^C is told what became of it, not that something failed', (t) => {
  t.equal(failureText(new IpdcError('INTERRUPTED', { message: 'j goes on', hint: 'ipdc job watch j' }), paint), 'j goes on\nTry: ipdc job watch j')
  t.equal(exitOf(new IpdcError('INTERRUPTED', { message: '' })), 130)
  t.end()
})

t.test('an error of the command line becomes ours, with the flag that was meant', (t) => {
  const wrong = Object.assign(new Error('Nonexistent flag: --outptu\nSee more help with --help'), { oclif: { exit: 2 }, flags: ['--outptu'] })
  const error = fromOclif(wrong, 'ipdc mr wordcount', ['output', 'k']) as IpdcError
  t.match(error, { code: 'USAGE', message: 'Nonexistent flag: --outptu', hint: '--output' })
  const later = Object.assign(new Error('Nonexistent flag: --quorum'), { oclif: { exit: 2 }, flags: ['--quorum'] })
  t.match(fromOclif(later, 'ipdc mr wordcount', ['output', 'k']), { code: 'NOT_OFFERED', message: /^--quorum: / }, 'what is planned is refused by its name')
  const parsed = Object.assign(new IpdcError('USAGE', { message: '3 is too small' }), {
    message: 'Parsing --split \n\t3 is too small\nSee more help with --help',
  })
  t.match(fromOclif(parsed, 'ipdc x', []), { code: 'USAGE', message: '--split: 3 is too small', hint: 'ipdc x --help' })
  t.equal(codeOf(fromOclif(new IpdcError('NO_AGENT', { message: '' }), '', [])), 'NO_AGENT')
  t.equal(codeOf(fromOclif(new TypeError('x'), '', [])), undefined)
  t.end()
})

t.test('two flags that exclude each other are told once, as they were typed', (t) => {
  const said = ['--drop=a b cannot also be provided when using --pause', '--pause=true cannot also be provided when using --drop'].join('\n  ')
  const both = Object.assign(new Error(`The following errors occurred:\n  ${said}\nSee more help with --help`), { oclif: { exit: 2 } })
  t.match(fromOclif(both, 'ipdc node queue', []), { code: 'USAGE', message: /^--drop and --pause cannot be given together$/, hint: 'ipdc node queue --help' })
  t.end()
})
