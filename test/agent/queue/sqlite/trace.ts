/** What a process does to its disk, in order, from strace: every write with its bytes, every sync with its beginning and end, and what it says. */
import { readFile, rm } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { Task } from './child.ts'
import { runChild } from './spawned.ts'

export type Step =
  | { readonly is: 'write'; readonly file: string; readonly offset: number; readonly bytes: Buffer; readonly atMs: number }
  | { readonly is: 'truncated'; readonly file: string; readonly bytes: number }
  | { readonly is: 'sync'; readonly file: string; readonly sync: number; readonly isMain: boolean; readonly atMs: number }
  | { readonly is: 'synced' | 'sync failed'; readonly file: string; readonly sync: number }
  | { readonly is: 'removed'; readonly file: string }
  | { readonly is: 'said'; readonly line: string }

/** Files are named as in the folder of `task.path`; the folder itself is '.'. */
export async function traceChild(strace: string, task: Task, options: { inject?: readonly string[]; env?: Record<string, string> } = {}): Promise<Step[]> {
  const log = `${task.path}.strace`
  const calls = 'trace=pwrite64,pwritev,write,fdatasync,fsync,sync_file_range,unlink,unlinkat,ftruncate'
  const inject = (options.inject ?? []).flatMap((one) => ['-e', `inject=${one}`])
  await runChild(task, {
    under: [strace, '-f', '--seccomp-bpf', '-y', '-ttt', '-xx', '-s', '100000', '-o', log, '-e', calls, ...inject],
    ...(options.env && { env: options.env }),
  })
  const text = await readFile(log, 'latin1')
  await rm(log)
  return parse(text.split('\n'), dirname(task.path))
}

function parse(lines: readonly string[], folder: string): Step[] {
  const steps: Step[] = []
  const flying = new Map<string, { file: string; sync: number }>()
  const main = lines[0]?.split(' ')[0]
  let syncs = 0
  const nameOf = (path: string) => (path === folder ? '.' : dirname(path) === folder ? basename(path) : undefined)

  for (const line of lines) {
    const [, thread = '', seconds = '', call = ''] = /^(\d+)\s+([\d.]+) (.*)$/.exec(line) ?? []
    const atMs = Number(seconds) * 1000

    const write = /^pwrite64\(\d+<([^>]*)>, "([^"]*)", \d+, (\d+)/.exec(call)
    if (write !== null && !call.includes('(INJECTED)')) {
      const file = nameOf(bytesOf(write[1]).toString())
      if (file !== undefined) steps.push({ is: 'write', file, offset: Number(write[3]), bytes: bytesOf(write[2]), atMs })
    }
    const said = /^write\(1<[^>]*>, "([^"]*)"/.exec(call)
    if (said !== null) for (const text of bytesOf(said[1]).toString().trimEnd().split('\n')) steps.push({ is: 'said', line: text })

    const cut = /^ftruncate\(\d+<([^>]*)>, (\d+)/.exec(call)
    const short = cut && nameOf(bytesOf(cut[1]).toString())
    if (short) steps.push({ is: 'truncated', file: short, bytes: Number(cut[2]) })

    const removed = /^unlink\("([^"]*)"\) = 0/.exec(call)
    const gone = removed && nameOf(bytesOf(removed[1]).toString())
    if (gone) steps.push({ is: 'removed', file: gone })

    const sync = /^f(?:data)?sync\(\d+<([^>]*)>(.*)/.exec(call)
    const file = sync && nameOf(bytesOf(sync[1]).toString())
    if (file) {
      const one = { file, sync: ++syncs }
      steps.push({ is: 'sync', ...one, isMain: thread === main, atMs })
      if (/ = 0/.test(sync[2] ?? '')) steps.push({ is: 'synced', ...one })
      else if (/unfinished/.test(sync[2] ?? '')) flying.set(thread, one)
      else if (/ = -1 /.test(sync[2] ?? '')) steps.push({ is: 'sync failed', ...one })
    }
    const landed = /^<\.\.\. f(?:data)?sync resumed>.* = (-?\d+)/.exec(call)
    const one = landed && flying.get(thread)
    if (one) {
      flying.delete(thread)
      steps.push({ is: landed[1] === '0' ? 'synced' : 'sync failed', ...one })
    }
    if (/^(?:pwritev|sync_file_range|unlinkat)\(/.test(call)) throw new Error(`A call that this reader does not know: ${call.slice(0, 80)}`)
  }
  return steps
}

/** strace -xx: every byte as \xNN. */
function bytesOf(text = ''): Buffer {
  return Buffer.from(text.replaceAll('\\x', ''), 'hex')
}
