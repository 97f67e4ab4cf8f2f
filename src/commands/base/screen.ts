/** What the place that talk goes to can show: colours, and lines that are drawn again. */
import picocolors from 'picocolors'

export interface Stream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export interface Screen {
  /** Lines may be drawn again. */
  readonly live: boolean
  readonly columns: number
  readonly paint: ReturnType<typeof picocolors.createColors>
  write(text: string): void
}

type Env = Readonly<Record<string, string | undefined>>

/** https://no-color.org, and FORCE_COLOR as Node itself reads it. */
export function screenOf(stream: Stream, env: Env = process.env): Screen {
  const able = stream.isTTY === true && env.TERM !== 'dumb'
  const forced = env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false'
  return {
    live: able,
    get columns() {
      return stream.columns || 80
    },
    paint: picocolors.createColors(!env.NO_COLOR && (forced || able)),
    write: (text) => void stream.write(text),
  }
}
