/** The texts that `ipdc demo` counts: what every checkout has plenty of, the Markdown and text files of its packages. */
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { filesBelow } from '../../../commands/base/folder.ts'
import type { LocalFile } from '../../../core/client/client.ts'
import { packageRoot, samplePath } from '../../../core/client/package.ts'

export interface Texts {
  readonly files: readonly LocalFile[]
  readonly bytes: number
  /** The folder they are from, or the one text that comes with ipdc. */
  readonly from: string
}

const isText = /\.(md|markdown|txt)$/i

/** Files and total size; where there are no packages, or none with a text, the packaged one. */
export async function findTexts(root: string = packageRoot()): Promise<Texts> {
  const folder = packagesFolder(root)
  if (!existsSync(folder)) return packaged()
  const files: LocalFile[] = []
  let bytes = 0
  for await (const path of filesBelow(folder)) {
    if (!isText.test(path)) continue
    files.push({ path, file: join(folder, path) })
    bytes += (await stat(join(folder, path))).size
  }
  return files.length > 0 ? { files, bytes, from: folder } : packaged()
}

async function packaged(): Promise<Texts> {
  const file = samplePath()
  return { files: [{ path: basename(file), file }], bytes: (await stat(file)).size, from: file }
}

/** Our own dependencies in a checkout; where we are a dependency, those we lie among. */
function packagesFolder(root: string): string {
  const above = dirname(root)
  return basename(above) === 'node_modules' ? above : join(root, 'node_modules')
}
