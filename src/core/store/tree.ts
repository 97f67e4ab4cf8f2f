/** A tree of files becomes directories from the leaves up. Paths are cleaned; no file is below another, and none comes twice. */
import { IpdcError } from '../errors.ts'
import type { TreeEntry } from '../kind.ts'
import { cleanPath } from '../names.ts'
import { addDirectory, type Child } from './directory.ts'
import { addFile, type Part, type Sink } from './file.ts'

type Folder = Map<string, Folder | Part>

/** @throws BAD_PATH, NO_INPUT */
export async function addTree(entries: Iterable<TreeEntry> | AsyncIterable<TreeEntry>, sink: Sink, signal?: AbortSignal): Promise<Part> {
  const root: Folder = new Map()
  for await (const { path, content } of entries) {
    signal?.throwIfAborted()
    const names = cleanPath(path)
    const name = names.pop()
    if (name === undefined) throw new IpdcError('BAD_PATH', { message: `A file needs a name: ${JSON.stringify(path)}` })
    let folder = root
    for (const above of names) {
      const next: Folder | Part = folder.get(above) ?? new Map()
      if (!(next instanceof Map)) throw new IpdcError('BAD_PATH', { message: `${JSON.stringify(path)} lies below a file` })
      folder.set(above, next)
      folder = next
    }
    if (folder.has(name)) throw new IpdcError('BAD_PATH', { message: `${JSON.stringify(path)} comes twice` })
    folder.set(name, await addFile(content, sink, signal))
  }
  return close(root, sink)
}

async function close(folder: Folder, sink: Sink): Promise<Part> {
  const children: Child[] = []
  for (const [name, child] of folder) children.push({ name, ...(child instanceof Map ? await close(child, sink) : child) })
  return addDirectory(children, sink)
}
