/**
 * Folders that are made and tried. Step by step: Node's recursive mkdir goes round for ever where a folder exists and takes nothing
 * (`/proc/x`). Errors are those of the system.
 */
import { mkdir, mkdtemp, rmdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

/** The folder with all that are missing above it. `mode` is that of each one that is made. */
export async function makeFolders(path: string, mode?: number): Promise<void> {
  for (const missing of (await standing(path)).missing) {
    await mkdir(missing, mode).catch((error: unknown) => {
      // Somebody else may have made it just now.
      if ((error as { code?: string }).code !== 'EEXIST') throw error
    })
  }
  await mustBeFolder(path)
}

/** Whether something can be made in the folder, or in the nearest one that exists above it. Leaves nothing: rights alone do not tell. */
export async function tryFolder(path: string): Promise<void> {
  const { nearest } = await standing(path)
  await mustBeFolder(nearest)
  await rmdir(await mkdtemp(join(nearest, '.ipdc-')))
}

/** What exists of a path, and what does not, from the top down. */
async function standing(path: string): Promise<{ readonly nearest: string; readonly missing: readonly string[] }> {
  const missing: string[] = []
  let nearest = resolve(path)
  while (!(await exists(nearest))) {
    missing.unshift(nearest)
    nearest = dirname(nearest)
  }
  return { nearest, missing }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    const { code } = error as { code?: string }
    if ((code === 'ENOENT' || code === 'ENOTDIR') && dirname(path) !== path) return false
    throw error
  }
}

async function mustBeFolder(path: string): Promise<void> {
  if (!(await stat(path)).isDirectory()) throw Object.assign(new Error(`ENOTDIR: ${path} is no folder`), { code: 'ENOTDIR' })
}
