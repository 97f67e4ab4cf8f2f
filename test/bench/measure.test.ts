import t from 'tap'
import { measure } from '../../bench/measure.ts'

const { platform } = process

t.test('counts the CPU and memory of children and their children', { skip: platform !== 'linux' }, async (t) => {
  const burn = `const end = process.cpuUsage().user + 300_000; const held = Buffer.alloc(50 << 20, 1); while (process.cpuUsage().user < end) held[0]++`
  const one = await measure({ argv: [process.execPath, '-e', burn] })
  const two = await measure({ argv: ['sh', '-c', '"$0" -e "$1" & "$0" -e "$1"; wait', process.execPath, burn] })
  t.ok(one.cpuSeconds >= 0.3, `${one.cpuSeconds} s`)
  t.ok(two.cpuSeconds >= 0.6, `${two.cpuSeconds} s in two processes below a shell`)
  t.ok(one.peakBytes > 50 << 20)
  t.ok(two.peakBytes > 100 << 20, `${two.peakBytes} bytes in both`)
})

t.test('a command that fails has no figures', async (t) => {
  await t.rejects(measure({ argv: ['sh', '-c', 'exit 3'] }), /ended with 3/)
})
