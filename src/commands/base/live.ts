/** A block of lines at the end of the screen that is drawn again and again, with other lines passing above it. */
import type { Screen } from './screen.ts'

export interface Live {
  draw(lines: readonly string[]): void
  /** A line that stays, above the block. */
  say(line: string): void
  /** Takes the block away. */
  clear(): void
  /** Leaves the block as it is; the next one begins below. */
  keep(): void
}

const csi = '\u001b['

export function createLive(screen: Pick<Screen, 'columns' | 'write'>): Live {
  let drawn: readonly string[] = []
  // Up to the block's first line, and all below it away. One write a frame: nothing flickers.
  const back = () => (drawn.length === 0 ? '' : `${csi}${drawn.length}A\r${csi}0J`)
  const show = (lines: readonly string[], above = '') => {
    const fitting = lines.map((line) => cut(line, screen.columns - 1))
    screen.write(`${back()}${above}${fitting.map((line) => `${line}\n`).join('')}`)
    drawn = fitting
  }
  return {
    draw: (lines) => show(lines),
    say: (line) => show(drawn, `${line}\n`),
    clear: () => show([]),
    keep: () => {
      drawn = []
    },
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
const colours = /(\u001b\[[\d;]*m)/

/** The first `columns` characters that can be seen. A line that wraps would break the count of lines. */
export function cut(line: string, columns: number): string {
  let room = columns
  let text = ''
  for (const part of line.split(colours)) {
    if (colours.test(part)) {
      text += part
      continue
    }
    const characters = [...part]
    text += characters.slice(0, Math.max(0, room)).join('')
    room -= characters.length
  }
  return text
}
