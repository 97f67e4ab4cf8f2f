/** The files of a folder, in one order everywhere. Links are not followed: a folder's files are those that lie in it. */
import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { wrap } from '../../core/errors.ts'

/** Paths below the folder, `/`-separated, sorted part by part by code unit. Hidden files and folders are left out. @throws NO_INPUT */
export async function* filesBelow(folder: string, { hidden = false } = {}): AsyncIterable<string> {
  for (const entry of await entriesOf(folder)) {
    if (!hidden && entry.name.startsWith('.')) continue
    if (entry.isFile()) yield entry.name
    else if (entry.isDirectory()) for await (const path of filesBelow(join(folder, entry.name), { hidden })) yield `${entry.name}/${path}`
  }
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  } catch (error) {
    throw wrap(error, 'NO_INPUT', `Cannot read the folder ${folder}`)
  }
}
