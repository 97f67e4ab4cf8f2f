/**
 * One process at a time in a folder: a file that names the process. A process is known by its number and its start time, so that a
 * number used again is not taken for the process that died.
 */
import { randomBytes } from 'node:crypto'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { IpdcError, wrap } from '../errors.ts'

/** Gives the function that lets go. @throws ALREADY_RUNNING, IO */
export async function lock(path: string): Promise<() => Promise<void>> {
  const mine = `${process.pid} ${await startOf(process.pid)}\n`
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    await writeFile(draft, mine, { mode: 0o600 })
    // As often as somebody else may take over a dead process's lock just before us.
    for (let tries = 0; tries < 10; tries++) {
      if (await took(draft, path)) return () => release(path, mine)
      const held = await readFile(path, 'utf8').catch(() => undefined)
      if (held === undefined) continue
      if (await isAlive(held)) {
        throw new IpdcError('ALREADY_RUNNING', { message: `Process ${held.split(' ')[0]} uses ${path}`, hint: 'Stop it (ipdc down), or use another IPDC_HOME' })
      }
      await setAside(path, held, draft)
    }
    throw new IpdcError('ALREADY_RUNNING', { message: `Others keep taking ${path}` })
  } catch (error) {
    throw wrap(error, 'IO', `Locking ${path}`)
  } finally {
    await rm(draft, { force: true })
  }
}

/** A link is made whole or not at all: nobody ever reads a half-written lock. */
async function took(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Removes a dead process's lock; what turns out to be another's is put back. */
async function setAside(path: string, held: string, draft: string): Promise<void> {
  const aside = `${draft}.dead`
  try {
    await rename(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if ((await readFile(aside, 'utf8')) !== held) await took(aside, path)
  await rm(aside, { force: true })
}

async function release(path: string, mine: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => '')) === mine) await rm(path, { force: true })
}

async function isAlive(held: string): Promise<boolean> {
  const [pid, start] = held.trim().split(' ')
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  const now = await startOf(Number(pid))
  return now === start || now === 'unknown' || start === 'unknown'
}

/** Clock ticks from boot to the start of a process, with the boot's id, where the system tells. */
async function startOf(pid: number): Promise<string> {
  try {
    const [stat, boot] = await Promise.all([readFile(`/proc/${pid}/stat`, 'utf8'), readFile('/proc/sys/kernel/random/boot_id', 'utf8')])
    // The name in parentheses may hold anything; the start is field 22.
    return `${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}@${boot.trim()}`
  } catch {
    return 'unknown'
  }
}
