import { spawnSync } from 'node:child_process'
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createLogOutput } from '../../agent/log-output.ts'

/** Takes as much as a pipe holds, and refuses more until it is read. */
function openPipe(t: Test) {
  const path = join(t.testdir(), 'pipe')
  t.equal(spawnSync('mkfifo', [path]).status, 0)
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  t.teardown(() => closeSync(fd))
  return {
    fd,
    read(): string {
      const bytes = Buffer.alloc(1 << 20)
      let length = 0
      try {
        for (;;) length += readSync(fd, bytes, length, bytes.length - length, null)
      } catch {
        return bytes.subarray(0, length).toString()
      }
    },
  }
}

t.test('what cannot be written is dropped and counted, and no line is torn', (t) => {
  const { fd, read } = openPipe(t)
  const output = createLogOutput(fd, (count) => `dropped ${count}\n`)
  // Three pages of the sixteen that a pipe holds: one is written in part.
  const line = (number: number) => `${String(number).padEnd(11_999, '.')}\n`
  for (let number = 0; number < 100; number++) output.write(line(number))
  const first = read()
  output.write('again\n')
  output.write('and again\n')
  const all = first + read()
  const lines = all.split('\n')
  const [said = '', ...last] = lines.slice(-4)
  t.same(last, ['again', 'and again', ''])
  const whole = lines.slice(0, -4)
  t.ok(whole.length > 4)
  t.equal(said, `dropped ${100 - whole.length}`)
  t.same(
    whole.map((text) => `${text}\n`),
    whole.map((_, number) => line(number)),
  )
  t.end()
})

t.test('a device that never has room stops nothing', (t) => {
  const fd = openSync('/dev/full', 'w')
  t.teardown(() => closeSync(fd))
  const output = createLogOutput(fd, (count) => `dropped ${count}\n`)
  t.doesNotThrow(() => output.write('one\n'))
  t.doesNotThrow(() => output.write('another\n'))
  t.end()
})
