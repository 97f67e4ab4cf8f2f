import t from 'tap'
import { bytesText, countText, durationText, parseBytes, plural } from '../../../src/commands/base/amounts.ts'

t.test('sizes read as people write them', (t) => {
  for (const [text, bytes] of [
    ['0', 0],
    ['1000000', 1_000_000],
    ['64k', 65_536],
    ['64KiB', 65_536],
    ['64 KB', 65_536],
    ['16MiB', 16 << 20],
    ['1.5m', 1_572_864],
    ['2G', 2 ** 31],
  ] as const) {
    t.equal(parseBytes(text), bytes, text)
  }
  t.end()
})

t.test('what is no size is a usage error', (t) => {
  for (const text of ['', 'k', '-1', '16 parsecs', '1e6', '0x10']) t.throws(() => parseBytes(text), { code: 'USAGE' }, text)
  t.end()
})

t.test('amounts are written short', (t) => {
  t.same([0, 999, 1024, 1536, 200 * 1024, 16 << 20, 5e12].map(bytesText), ['0 B', '999 B', '1.0 KiB', '1.5 KiB', '200 KiB', '16.0 MiB', '4.5 TiB'])
  t.same([0, 420, 9_300, 59_999, 250_000, 7_500_000, 9e8].map(durationText), ['0 ms', '420 ms', '9.3 s', '1 min 0 s', '4 min 10 s', '2 h 5 min', '10 days'])
  t.same([0, 999, 1000, 1_234_567].map(countText), ['0', '999', '1,000', '1,234,567'])
  t.same([plural(1, 'file'), plural(0, 'file'), plural(1200, 'task')], ['1 file', '0 files', '1,200 tasks'])
  t.end()
})
