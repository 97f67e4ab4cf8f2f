/** Waits until the process of an agent is gone, which is a little after its socket. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Session } from '../../core/client/client.ts'

export async function gone(pid: number, session: Session): Promise<void> {
  await session.ended
  await goneProcess(pid)
}

export async function goneProcess(pid: number): Promise<void> {
  while (isAlive(pid)) await pause(20)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
