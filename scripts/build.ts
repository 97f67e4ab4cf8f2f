/** `npm run build`: dist/{src,agent}, what the package ships. Node strips no types under node_modules, so nothing there is TypeScript. */
import { spawnSync } from 'node:child_process'
import { cpSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

rmSync('dist', { recursive: true, force: true })

const { status } = spawnSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)

// Data that lies beside the code, such as a packaged sample.
for (const folder of ['src', 'agent']) {
  cpSync(folder, join('dist', folder), { recursive: true, filter: (path) => statSync(path).isDirectory() || !path.endsWith('.ts') })
}
