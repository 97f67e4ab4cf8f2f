/** The number of this start of the agent: higher than every one before it, so that the newest presence wins. Kept before it is used. */
import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { wrap } from '../src/core/errors.ts'

/** @throws IO, DISK_FULL */
export async function nextBoot(home: string): Promise<number> {
  const path = join(home, 'boot')
  const last = Number.parseInt(await readFile(path, 'utf8').catch(() => '0'), 10)
  const boot = (Number.isSafeInteger(last) ? last : 0) + 1
  try {
    const file = await open(`${path}.new`, 'w', 0o600)
    await file.writeFile(`${boot}\n`)
    await file.sync()
    await file.close()
    await rename(`${path}.new`, path)
    return boot
  } catch (error) {
    throw wrap(error, 'IO', `Cannot write ${path}`)
  }
}
