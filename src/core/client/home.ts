/**
 * Where an agent lives: its home folder, and the socket on which it is spoken to. Agent and clients find each other by these
 * two functions alone, so both must ask them.
 */
import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { IpdcError, wrap } from '../errors.ts'
import { makeFolders } from './folders.ts'

/** A unix socket's path may not be longer: the kernel's limit is 104 to 108 bytes with the closing zero. */
const maxSocketBytes = 100

type Env = Readonly<Record<string, string | undefined>>

/** `IPDC_HOME`, else `ipdc` in the XDG data folder. Absolute. */
export function homeOf(env: Env = process.env): string {
  if (env.IPDC_HOME) return resolve(env.IPDC_HOME)
  // The XDG specification says that a relative path is to be ignored.
  const data = env.XDG_DATA_HOME?.startsWith('/') ? env.XDG_DATA_HOME : join(env.HOME || homedir(), '.local', 'share')
  return join(data, 'ipdc')
}

/** The socket of the agent of a home: in it, or where its path is too long for a socket, a name made of it in the runtime folder. */
export function socketOf(home: string, env: Env = process.env): string {
  const inside = join(resolve(home), 'agent.sock')
  if (Buffer.byteLength(inside) <= maxSocketBytes) return inside
  const name = createHash('sha256').update(resolve(home)).digest('hex').slice(0, 16)
  return join(env.XDG_RUNTIME_DIR || tmpdir(), `ipdc-${name}.sock`)
}

/**
 * Makes the home where there is none, for its owner only.
 * @throws IO; REFUSED where somebody else owns it or may write in it
 */
export async function openHome(home: string): Promise<string> {
  const path = resolve(home)
  try {
    await makeFolders(path, 0o700)
    const { uid, mode } = await stat(path)
    if (process.getuid !== undefined && uid !== process.getuid()) {
      throw new IpdcError('REFUSED', { message: `The home ${path} belongs to user ${uid}`, hint: 'Name a folder of your own: IPDC_HOME=DIR' })
    }
    if ((mode & 0o022) !== 0) throw new IpdcError('REFUSED', { message: `Others may write in the home ${path}`, hint: `chmod 700 ${path}` })
    return path
  } catch (error) {
    throw wrap(error, 'IO', `Cannot use the home ${path}`, 'Name another folder: IPDC_HOME=DIR')
  }
}
