/** Where this package lies, seen from a checkout (`src/`) and from what was built (`dist/src/`) alike. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The folder of our package.json: the nearest above this file. */
export function packageRoot(from: string = import.meta.dirname): string {
  if (existsSync(join(from, 'package.json'))) return from
  const above = dirname(from)
  return above === from ? from : packageRoot(above)
}

/** The door of the agent: started as a process, never imported. */
export function agentPath(): string {
  return join(packageRoot(), 'bin', 'agent.js')
}

/** A text to try things on. */
export function samplePath(): string {
  return join(packageRoot(), 'examples', 'book.txt')
}
