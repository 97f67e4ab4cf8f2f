/**
 * `npm test`: types, lint and format, then tap over all tests (import rules are one of them). The last line has the real counts.
 *
 *   npm test                       all of the first ring
 *   npm test -- test/core/store    tests of a folder or a file, without the checks
 *   npm run test:full              with the full numbers of each test, and test/**\/*.full.ts
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Claims, claimReader, none, sum } from './claims.ts'
import { ensureServices } from './services.ts'

const isFull = process.argv.includes('--full')
const chosen = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const bin = (name: string) => join('node_modules/.bin', name)

async function main(): Promise<void> {
  const absent = ensureServices()
  prepareTap()
  const checks =
    chosen.length > 0 ? [] : await Promise.all([check('types', 'tsc', '--noEmit', '-p', '.'), check('lint and format', 'biome', 'ci', '--colors=off', '.')])
  const tests = await tap(testFiles(), { IPDC_SKIP_SERVICES: absent.join(','), ...(isFull ? { IPDC_TEST: 'full' } : {}) })
  const claims = sum([...checks, tests])
  report(claims)
  process.exitCode = claims.failed.length > 0 ? 1 : 0
}

/** The first `tap` of a fresh install still has another set of plug-ins, and fails: it is built once per install. */
function prepareTap(): void {
  const built = 'node_modules/@tapjs/test/test-built/.ipdc'
  const plugins = JSON.stringify(JSON.parse(readFileSync('package.json', 'utf8')).tap.plugin)
  if (existsSync(built) && readFileSync(built, 'utf8') === plugins) return
  say('building tap, once per install')
  const { status, stdout, stderr } = spawnSync(bin('tap'), ['build'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  if (status !== 0) throw new Error(`tap build failed: ${stdout}${stderr}`)
  writeFileSync(built, plugins)
}

async function check(name: string, program: string, ...args: string[]): Promise<Claims> {
  const start = performance.now()
  const { status, output } = await run(program, args)
  const seconds = (performance.now() - start) / 1000
  line(status === 0, name, seconds)
  if (status === 0) return { ...none, passed: 1 }
  say(output.trimEnd())
  return { ...none, failed: [{ name, about: `${program} ${args.join(' ')}` }] }
}

/** Tests of what was chosen, in a fixed order. */
function testFiles(): string[] {
  const all = readdirSync('test', { recursive: true, encoding: 'utf8' })
    .map((path) => join('test', path))
    .filter((path) => path.endsWith('.test.ts') || (isFull && path.endsWith('.full.ts')))
    .filter((path) => !path.startsWith('test/fixtures/'))
    .sort()
  if (chosen.length === 0) return all
  return chosen.flatMap((path) => (existsSync(path) && statSync(path).isFile() ? [path] : all.filter((file) => file.startsWith(join(path, '/')))))
}

async function tap(files: string[], environment: Record<string, string>): Promise<Claims> {
  if (files.length === 0) return { ...none, failed: [{ name: 'tap', about: `no tests in ${chosen.join(' ') || 'test'}` }] }
  const seen: Claims[] = []
  const reader = claimReader((file, claims, seconds) => {
    seen.push(claims)
    line(claims.failed.length === 0, file, seconds, claims)
    for (const { name, about } of claims.failed) say(`  ${name}\n${about.replace(/^/gm, '    ')}`)
  })
  const { status } = await run('tap', ['--reporter=tap', ...files], environment, (chunk) => reader.write(chunk))
  reader.end()
  const claims = sum(seen)
  if (seen.length === files.length && (status === 0 || claims.failed.length > 0)) return claims
  return sum([claims, { ...none, failed: [{ name: 'tap', about: `exit status ${status}, ${seen.length} of ${files.length} test files told` }] }])
}

function run(program: string, args: string[], environment: Record<string, string> = {}, onOutput?: (chunk: Buffer) => void) {
  return new Promise<{ status: number; output: string }>((resolve, reject) => {
    const child = spawn(bin(program), args, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', onOutput === undefined ? 'pipe' : 'inherit'] })
    const output: Buffer[] = []
    child.stdout?.on('data', onOutput ?? ((chunk: Buffer) => output.push(chunk)))
    child.stderr?.on('data', (chunk: Buffer) => output.push(chunk))
    child.on('error', reject)
    child.on('close', (status) => resolve({ status: status ?? 1, output: Buffer.concat(output).toString() }))
  })
}

function line(isOk: boolean, name: string, seconds: number, { passed, failed, skipped }: Claims = none): void {
  const counts = passed + failed.length + skipped.length === 0 ? '' : ` · ${passed} passed${count(failed, 'failed')}${count(skipped, 'skipped')}`
  say(`${isOk ? 'ok    ' : 'FAILED'} ${name} · ${seconds.toFixed(1)} s${counts}`)
}

function report({ passed, failed, skipped }: Claims): void {
  say('')
  for (const { name, reason } of skipped) say(`skipped: ${name} (${reason})`)
  for (const { name } of failed) say(`failed: ${name}`)
  say(`${passed} passed, ${failed.length} failed${count(skipped, 'skipped')}`)
}

function count(list: readonly unknown[], what: string): string {
  return list.length === 0 ? '' : `, ${list.length} ${what}`
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

await main()
