/**
 * One process at a time in a folder: a file that names the process. A process is known by its number and its start time, so that a
 * number used again is not taken for the process that died.
 */
import { randomBytes } from 'node:crypto'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { IpdcError, wrap } from './errors.ts'

/** Gives the function that lets go. @throws ALREADY_RUNNING, IO */
export async function lock(path: string): Promise<() => Promise<void>> {
  const token = randomBytes(8).toString('hex')
  const mine = `${process.pid} ${await startOf(process.pid)} ${token}\n`
  const draft = `${path}.${token}`
  try {
    await writeFile(draft, mine, { mode: 0o600 })
    if (await took(draft, path)) return () => release(path, mine)
    const held = await read(path)
    if (held !== undefined && (await isAlive(held))) throw taken(path, held)
    await takeOver(path, held, draft)
    return () => release(path, mine)
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

/** Puts ours in the place of a dead process's lock. One at a time, so that nobody replaces the lock of one who was quicker. */
async function takeOver(path: string, dead: string | undefined, draft: string): Promise<void> {
  const guard = `${path}.taking`
  if (!(await took(draft, guard))) {
    const other = await read(guard)
    if (other !== undefined && (await isAlive(other))) throw taken(path, other)
    // Its process died just while it took over.
    await rm(guard, { force: true })
    if (!(await took(draft, guard))) throw taken(path, other)
  }
  try {
    const held = await read(path)
    if (held !== dead && held !== undefined) throw taken(path, held)
    await rename(draft, path)
  } finally {
    await rm(guard, { force: true })
  }
}

function taken(path: string, held: string | undefined): IpdcError {
  return new IpdcError('ALREADY_RUNNING', {
    message: `Process ${held?.split(' ')[0] ?? '?'} uses ${path}`,
    hint: 'Stop it (ipdc down), or use another IPDC_HOME',
  })
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function release(path: string, mine: string): Promise<void> {
  if ((await read(path)) === mine) await rm(path, { force: true })
}

async function isAlive(held: string): Promise<boolean> {
  const [, number, start] = /^(\d+) (\S+)/.exec(held) ?? []
  const pid = Number(number ?? 0)
  // Zero would ask after ourselves.
  if (pid === 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  const now = await startOf(pid)
  if (now === 'ended') return false
  return now === start || now === 'unknown' || start === 'unknown'
}

/** Clock ticks from boot to the start of a process, with the boot's id, where the system tells. */
async function startOf(pid: number): Promise<string> {
  try {
    const [stat, boot] = await Promise.all([readFile(`/proc/${pid}/stat`, 'utf8'), readFile('/proc/sys/kernel/random/boot_id', 'utf8')])
    // The name in parentheses may hold anything; after it come the state and, as field 22, the start.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // One that has ended and that nobody waited for holds nothing any more.
    return state === 'Z' || state === 'X' ? 'ended' : `${fields[18]}@${boot.trim()}`
  } catch {
    return 'unknown'
  }
}
