/** Runs holder.ts until it holds what it shall, and kills it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export async function killedHolder(options: object): Promise<void> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'holder.ts'), JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH ?? '', NODE_NO_WARNINGS: '1' },
  })
  const exit = once(child, 'exit')
  const said = await Promise.race([once(child.stdout, 'data'), exit.then(() => ['it ended'])])
  if (String(said[0]) !== 'holds\n') throw new Error(String(said[0]))
  child.kill('SIGKILL')
  await exit
}
