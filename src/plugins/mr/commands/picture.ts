/** Words and how often each occurs, as bars. */
import { countText } from '../../../commands/base/amounts.ts'
import type { Screen } from '../../../commands/base/screen.ts'
import type { Counted } from './top.ts'

const barWidth = 40

export function picture(words: readonly Counted[], { paint }: Pick<Screen, 'paint'>): string {
  const most = Math.max(1, ...words.map(({ count }) => count))
  const wide = Math.max(1, ...words.map(({ word }) => shown(word).length))
  const digits = countText(most).length
  return words
    .map(
      ({ word, count }) =>
        `${shown(word).padStart(wide)}  ${countText(count).padStart(digits)}  ${paint.cyan('█'.repeat(Math.max(1, Math.round((count / most) * barWidth))))}`,
    )
    .join('\n')
}

/** A word is any bytes: nothing of it may reach the terminal as a command. */
function shown(word: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const plain = word.replace(/[\u0000-\u001f\u007f-\u009f]/g, '·')
  return plain.length > 24 ? `${plain.slice(0, 23)}…` : plain
}
