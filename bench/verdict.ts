/** The last line of a bench: its figures against their bars, and whether they hold; the exit status says the same. */

export interface Bar {
  /** What is measured: `CPU a job`. */
  readonly name: string
  readonly value: number
  /** It may be so much, or with `atLeast` must be. Without one it is said and not judged. */
  readonly bar?: number
  readonly atLeast?: boolean
  /** @default two digits behind the point */
  readonly show?: (value: number) => string
}

/** Prints the line. Returns the exit status. */
export function verdict(bench: string, bars: readonly Bar[], say: (line: string) => void = console.log): 0 | 1 {
  const holds = bars.every(keeps)
  say(`${bench}: ${bars.map(tell).join(', ')}: ${holds ? 'holds' : 'falls short'}`)
  return holds ? 0 : 1
}

function keeps({ value, bar, atLeast = false }: Bar): boolean {
  if (bar === undefined) return true
  // A figure that is none keeps no bar.
  return atLeast ? value >= bar : value <= bar
}

function tell({ name, value, bar, atLeast = false, show = (value) => value.toFixed(2) }: Bar): string {
  return `${name} ${show(value)}${bar === undefined ? '' : ` (at ${atLeast ? 'least' : 'most'} ${show(bar)})`}`
}

/** A value as a bar of blocks; a full one is `full`. */
export function picture(value: number, full: number, width = 30): string {
  const cells = Math.min(width, (value / full) * width)
  const whole = Math.floor(cells)
  const rest = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][Math.floor((cells - whole) * 8)] ?? ''
  return '█'.repeat(whole) + rest
}
