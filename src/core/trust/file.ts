/** Files of keys and documents: written once, whole or not at all, on disk before the call returns; a secret one is ours alone. */
import { randomUUID } from 'node:crypto'
import { type FileHandle, link, mkdir, open, unlink, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { IpdcError, wrap } from '../errors.ts'

/** Larger files are not ours. */
const maxBytes = 65_536

/** Makes the file with mode 0600, and its folder with 0700. A file that is there stays as it is. @throws IO, DISK_FULL */
export async function createFileOnce(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.${randomUUID()}`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    try {
      await writeFile(draft, bytes, { flag: 'wx', mode: 0o600, flush: true })
      // A link fails where the name is taken, a rename would replace: two processes at once keep one key.
      await link(draft, path)
    } finally {
      await unlink(draft)
    }
    await syncFolder(dirname(path))
  } catch (error) {
    if ((error as { code?: string }).code === 'EEXIST') return
    throw wrap(error, 'IO', `Cannot write ${path}`)
  }
}

/** The bytes of a file that nobody but its owner may read; undefined where there is none. @throws BAD_CONFIG wider mode; IO */
export function readSecret(path: string): Promise<Buffer | undefined> {
  return readSmall(path, 0o077)
}

/** The bytes of a file that anybody may read; undefined where there is none. @throws IO */
export function readDocument(path: string): Promise<Buffer | undefined> {
  return readSmall(path, 0)
}

/** A name is on disk once its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function readSmall(path: string, forbidden: number): Promise<Buffer | undefined> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    const { mode, size } = await file.stat()
    if ((mode & forbidden) !== 0) {
      throw new IpdcError('BAD_CONFIG', { message: `Key file ${path} can be read by others (mode ${(mode & 0o777).toString(8)})`, hint: `chmod 600 ${path}` })
    }
    if (size > maxBytes) throw new IpdcError('BAD_CONFIG', { message: `${path} is too large to be a key or a document (${size} bytes)` })
    return await file.readFile()
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined
    throw wrap(error, 'IO', `Cannot read ${path}`)
  } finally {
    await file?.close()
  }
}
