import t from 'tap'
import { picture, verdict } from '../../bench/verdict.ts'

t.test('a bench ends with one line that says whether its bars hold, and its status says the same', async (t) => {
  const lines: string[] = []
  const say = (line: string) => void lines.push(line)
  t.equal(
    verdict(
      'bench:x',
      [
        { name: 'CPU', value: 0.5, bar: 0.5 },
        { name: 'rate', value: 1000, bar: 1000, atLeast: true },
        { name: 'size', value: 9 },
      ],
      say,
    ),
    0,
  )
  t.equal(
    verdict(
      'bench:x',
      [
        { name: 'CPU', value: 0.51, bar: 0.5 },
        { name: 'rate', value: 2000, bar: 1000, atLeast: true },
      ],
      say,
    ),
    1,
  )
  t.equal(verdict('bench:x', [{ name: 'rate', value: 999, bar: 1000, atLeast: true, show: String }], say), 1)
  t.equal(verdict('bench:x', [{ name: 'CPU', value: Number.NaN, bar: 0.5 }], say), 1, 'what was not measured holds nothing')
  t.same(lines, [
    'bench:x: CPU 0.50 (at most 0.50), rate 1000.00 (at least 1000.00), size 9.00: holds',
    'bench:x: CPU 0.51 (at most 0.50), rate 2000.00 (at least 1000.00): falls short',
    'bench:x: rate 999 (at least 1000): falls short',
    'bench:x: CPU NaN (at most 0.50): falls short',
  ])
})

t.test('a picture is as long as its value', async (t) => {
  t.equal(picture(1, 1, 8), '████████')
  t.equal(picture(0.5, 1, 8), '████')
  t.equal(picture(0, 1, 8), '')
  t.equal(picture(3, 1, 8), '████████', 'and never longer than the full one')
})
