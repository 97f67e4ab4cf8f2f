/**
 * Writes what an address names into a folder of this machine. Names come from a DAG, so none of them may lead out of the folder;
 * a file appears under its name when it is whole.
 */
import { createWriteStream } from 'node:fs'
import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Address } from '../../core/cids.ts'
import type { Artifact, Entry } from '../../core/client/api.ts'
import type { Client } from '../../core/client/client.ts'
import { makeFolders, tryFolder } from '../../core/client/folders.ts'
import { IpdcError, wrap } from '../../core/errors.ts'
import { cleanName, maxPathDepth } from '../../core/names.ts'

const elsewhere = 'Name another folder'

/** Before any work is done. @throws USAGE where the folder holds something already and nobody said `force`; IO where nothing can be written there */
export async function checkFolder(folder: string, force: boolean): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if ((error as { code?: string }).code === 'ENOENT') return []
    throw wrap(error, 'IO', `Cannot write into ${folder}`, elsewhere)
  })
  if (names.length > 0 && !force)
    throw new IpdcError('USAGE', { message: `The folder ${folder} is not empty`, hint: 'Name another one, or write over it: --force' })
  await checkRoom(folder)
}

/** @throws IO, DISK_FULL where nothing can be written into the folder, or where it cannot be made */
export async function checkRoom(folder: string): Promise<void> {
  await tryFolder(folder).catch((error: unknown) => {
    throw wrap(error, 'IO', `Cannot write into ${folder}`, elsewhere)
  })
}

/** All that lies below a directory of the store, or a file alone, into the folder; gives what lies directly in it. @throws BAD_PATH, IO, DISK_FULL, NOT_FOUND */
export async function saveTree(client: Client, address: Address, folder: string): Promise<Artifact[]> {
  await makeFolders(folder).catch((error: unknown) => {
    throw wrap(error, 'IO', `Cannot make the folder ${folder}`)
  })
  const { type, name, cid, size } = await client.stat(address)
  if (type === 'directory') return saveBelow(client, address, folder, 1)
  const file = { name: cleanName(name || cid), cid, size }
  return [await saveAs(client, file, join(folder, file.name))]
}

/** A file as that file, a directory as that folder. @throws USAGE where something is there already and nobody said `force` */
export async function saveEntry(client: Client, address: Address, path: string, force: boolean): Promise<Entry> {
  const entry = await client.stat(address)
  if (entry.type === 'directory') {
    await checkFolder(path, force)
    await saveTree(client, address, path)
    return entry
  }
  if (!force && (await lstat(path).catch(() => undefined)) !== undefined)
    throw new IpdcError('USAGE', { message: `${path} exists already`, hint: 'Name another path, or write over it: --force' })
  await saveAs(client, entry, path)
  return entry
}

/** A file under exactly that name. */
export async function saveAs(client: Client, file: Artifact, path: string): Promise<Artifact> {
  const draft = `${path}.${process.pid}.part`
  try {
    await pipeline(client.cat(file.cid), createWriteStream(draft, { flags: 'wx' }))
    await rename(draft, path)
    return file
  } catch (error) {
    await rm(draft, { force: true })
    throw wrap(error, 'IO', `Cannot write ${path}`)
  }
}

async function saveBelow(client: Client, cid: Address, folder: string, depth: number): Promise<Artifact[]> {
  if (depth > maxPathDepth) throw new IpdcError('BAD_PATH', { message: `Folders more than ${maxPathDepth} deep in ${cid}` })
  const saved: Artifact[] = []
  for await (const { type, name, cid: at, size } of client.ls(cid)) {
    const entry = { name: cleanName(name), cid: at, size }
    if (type === 'file') await saveAs(client, entry, join(folder, entry.name))
    else await saveBelow(client, at, await makeFolder(join(folder, entry.name)), depth + 1)
    saved.push(entry)
  }
  return saved
}

/** A folder of that name within a folder of ours. A link would lead out of it, whoever put it there. */
async function makeFolder(path: string): Promise<string> {
  try {
    await mkdir(path)
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw wrap(error, 'IO', `Cannot make the folder ${path}`)
    if (!(await lstat(path)).isDirectory()) throw new IpdcError('BAD_PATH', { message: `${path} is no folder` })
  }
  return path
}
