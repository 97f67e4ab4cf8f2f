/** The lock file holds the majors that were tried together: npm under an old Node resolves older ones without a word. */
import { readFileSync } from 'node:fs'
import t from 'tap'

const majors = {
  '@biomejs/biome': 2,
  '@ipld/car': 5,
  '@oclif/core': 5,
  aedes: 1,
  bullmq: 6,
  cborg: 6,
  'dependency-cruiser': 18,
  'fast-check': 4,
  ioredis: 6,
  'ipfs-unixfs-importer': 17,
  mqtt: 5,
  multiformats: 14,
  node: 24,
  pino: 10,
  tap: 21,
  valibot: 1,
}

interface Locked {
  readonly version: string
  readonly resolved?: string
}

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Locked> }
const own = JSON.parse(readFileSync('package.json', 'utf8')) as Record<'dependencies' | 'devDependencies', Record<string, string>>
const asked = { ...own.dependencies, ...own.devDependencies }

t.test('the majors are those that were tried together', async (t) => {
  for (const [name, major] of Object.entries(majors)) t.equal(Number(versionOf(name)?.split('.')[0]), major, `${name} ${major}`)
})

t.test('TypeScript is the last one that dependency-cruiser can read', async (t) => {
  t.equal(versionOf('typescript'), '6.0.3')
})

t.test('each dependency is pinned exactly, and locked at what is asked', async (t) => {
  for (const [name, version] of Object.entries(asked)) {
    t.match(version, /^\d+\.\d+\.\d+$/, `${name} is exact`)
    t.equal(versionOf(name), version, `${name} is locked`)
  }
})

t.test('the lock file names no place to fetch from: that is for each machine to say', async (t) => {
  t.same(
    Object.entries(lock.packages).filter(([, { resolved }]) => resolved?.startsWith('http')),
    [],
  )
})

function versionOf(name: string): string | undefined {
  return lock.packages[`node_modules/${name}`]?.version
}
