/** The number of this start of the agent: higher than every one before it, so that the newest presence wins. Kept before it is used. */
import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { wrap } from '../src/core/errors.ts'
import { syncFolder } from '../src/core/record-log.ts'

/** @throws IO, DISK_FULL */
export async function nextBoot(home: string): Promise<number> {
  const path = join(home, 'boot')
  try {
    const boot = (await lastBoot(path)) + 1
    const file = await open(`${path}.new`, 'w', 0o600)
    await file.writeFile(`${boot}\n`)
    await file.sync()
    await file.close()
    await rename(`${path}.new`, path)
    // A power cut must not bring back the number of before: others would take what is said under it for old.
    await syncFolder(home)
    return boot
  } catch (error) {
    throw wrap(error, 'IO', `Cannot write ${path}`)
  }
}

async function lastBoot(path: string): Promise<number> {
  const text = await readFile(path, 'utf8').catch((error) => {
    if ((error as { code?: unknown }).code === 'ENOENT') return '0\n'
    throw error
  })
  const last = /^\d{1,15}\n$/.test(text) ? Number(text) : Number.NaN
  // Damaged: nobody starts an agent once a second, so the seconds since 1970 are ahead of any count.
  return Number.isNaN(last) ? Math.floor(Date.now() / 1000) : last
}
