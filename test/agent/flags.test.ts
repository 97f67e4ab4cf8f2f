import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readStart, readyFdOf } from '../../agent/flags.ts'
import { folder } from './rooms.ts'

/** A home with that in its file. */
async function home(t: Test, file?: string | object): Promise<string> {
  const dir = await folder(t)
  if (file !== undefined) await writeFile(join(dir, 'ipdc.json'), typeof file === 'string' ? file : JSON.stringify(file))
  return dir
}

const read = (home: string, flags: readonly string[] = [], env: Record<string, string> = {}) => readStart(['--home', home, ...flags], env)

t.test('without a word everything has its default', async (t) => {
  const dir = await home(t)
  t.same(await read(dir), {
    home: dir,
    config: {
      broker: [],
      gateway: { host: '127.0.0.1', port: 0, open: 'none' },
      queue: { use: 'embedded' },
      store: { limit: 64 * 2 ** 30 },
      labels: [],
      policy: 'domain',
      log: 'info',
    },
    companions: undefined,
    until: 'stopped',
    readyFd: undefined,
    lifelineFd: undefined,
    temporary: false,
  })
})

t.test('a flag outdoes the environment, that the file, that the default', async (t) => {
  const dir = await home(t, { name: 'of-file', slots: 1, broker: ['mqtt://file:1'], serveBroker: 1, log: 'warn', policy: 'mine' })
  const env = { IPDC_NAME: 'of-env', IPDC_SLOTS: '2', IPDC_BROKER: 'mqtt://env:1,mqtt://env:2', IPDC_SERVE_BROKER: '2', IPDC_LOG: 'debug' }
  const flags = ['--name', 'of-flag', '--slots', '3', '--broker', 'mqtt://flag:1', '--broker', 'mqtt://flag:2', '--serve-broker', '3']
  const file = { name: 'of-file', slots: 1, broker: ['mqtt://file:1'], serveBroker: 1, log: 'warn', policy: 'mine' }
  t.match((await read(dir)).config, file)
  t.match((await read(dir, [], env)).config, {
    ...file,
    name: 'of-env',
    slots: 2,
    broker: ['mqtt://env:1', 'mqtt://env:2'],
    serveBroker: 2,
    log: 'debug',
  })
  t.match((await read(dir, flags, env)).config, { name: 'of-flag', slots: 3, broker: ['mqtt://flag:1', 'mqtt://flag:2'], serveBroker: 3, log: 'debug' })
})

t.test('the authority of an mqtts broker is named by the file, or by the environment from where it was started', async (t) => {
  const dir = await home(t, { broker: ['mqtts://broker.lab'], tls: { ca: 'ca.pem' } })
  t.match((await read(dir)).config, { broker: ['mqtts://broker.lab'], tls: { ca: 'ca.pem' } })
  t.match((await read(dir, [], { IPDC_TLS_CA: 'here.pem' })).config, { tls: { ca: join(process.cwd(), 'here.pem') } })
})

t.test('an empty variable is one that is not set', async (t) => {
  const dir = await home(t, { name: 'of-file', slots: 1 })
  const env = { IPDC_NAME: '', IPDC_SLOTS: '', IPDC_BROKER: '', IPDC_SERVE_BROKER: '', IPDC_TLS_CA: '', IPDC_LOG: '' }
  t.match((await read(dir, [], env)).config, { name: 'of-file', slots: 1, broker: [], log: 'info' })
})

t.test('the queue is what the file says, or in one word the environment: a bound of the file stays', async (t) => {
  const url = 'rediss://ada:secret@example.org:6380/2'
  const of = async (queue?: object, IPDC_QUEUE = '') => (await read(await home(t, queue && { queue }), [], { IPDC_QUEUE })).config.queue
  t.same(await of({ use: 'embedded', durability: 'full', limit: 9 }), { use: 'embedded', durability: 'full', limit: 9 })
  t.same(await of({ use: 'redis', url, passwordFile: '/run/password' }), { use: 'redis', url, passwordFile: '/run/password' })
  t.same(await of({ use: 'embedded', durability: 'full', limit: 9 }, 'memory'), { use: 'memory', limit: 9 })
  t.same(await of({ use: 'memory' }, url), { use: 'redis', url })
  await t.rejects(of({ use: 'redis' }), { code: 'BAD_CONFIG', message: /queue.url/ })
  await t.rejects(of({ use: 'embedded', url }), { code: 'BAD_CONFIG', message: /redis/ })
  await t.rejects(of({ use: 'memory', durability: 'full' }), { code: 'BAD_CONFIG', message: /durability/ })
  await t.rejects(of(undefined, 'rabbit'), { code: 'BAD_CONFIG' })
  await t.rejects(of({ use: 'redis', url: 'http://ada:secret@example.org' }), { message: /^((?!secret).)*$/s })
})

t.test('the home comes from its flag, else from the environment', async (t) => {
  const dir = await home(t, { name: 'found' })
  t.match(await readStart([], { IPDC_HOME: dir }), { home: dir, config: { name: 'found' } })
  t.match(await readStart(['--home', dir], { IPDC_HOME: '/elsewhere' }), { home: dir })
})

t.test('what a launcher says of the process', async (t) => {
  const dir = await home(t)
  const flags = ['--companions', '2', '--until', 'idle', '--ready-fd', '3', '--lifeline-fd', '4', '--temporary']
  t.match(await read(dir, flags), { companions: 2, until: 'idle', readyFd: 3, lifelineFd: 4, temporary: true })
  t.match(await read(dir, ['--serve-broker', '0', '--slots', '0']), { config: { serveBroker: 0, slots: 0 } })
})

t.test('a command line that is none ends with USAGE', async (t) => {
  const dir = await home(t)
  const bad = [
    ['--unknown'],
    ['more'],
    ['--until', 'later'],
    ['--slots', 'many'],
    ['--slots', '-1'],
    ['--slots', '1.5'],
    ['--slots', ''],
    ['--slots', ' '],
    ['--serve-broker', '0x10'],
    ['--companions', 'two'],
    ['--ready-fd', 'a'],
    ['--lifeline-fd', 'a'],
    ['--name'],
    ['--temporary=yes'],
  ]
  for (const flags of bad) await t.rejects(read(dir, flags), { code: 'USAGE' }, flags.join(' '))
  await t.rejects(read(dir, [], { IPDC_SLOTS: 'many' }), { code: 'USAGE', message: /IPDC_SLOTS/ })
})

t.test('a value that cannot be used ends with BAD_CONFIG and says which', async (t) => {
  const dir = await home(t)
  await t.rejects(read(dir, ['--name', 'A B']), { code: 'BAD_CONFIG', message: /name/ })
  await t.rejects(read(dir, ['--slots', '1000']), { code: 'BAD_CONFIG', message: /slots/ })
  await t.rejects(read(dir, ['--serve-broker', '70000']), { code: 'BAD_CONFIG', message: /serveBroker/ })
  await t.rejects(read(dir, ['--broker', 'http://a']), { code: 'BAD_CONFIG', message: /broker\.0.*mqtt:\/\/host:port/ })
  await t.rejects(read(dir, [], { IPDC_LOG: 'loud' }), { code: 'BAD_CONFIG', message: /log/, hint: /ipdc\.json/ })
})

t.test('a file that cannot be used is not passed over', async (t) => {
  for (const file of ['', '{', 'null', '[]', '5', '"mine"', '{"polcy":"mine"}', '{"policy":"all"}', '{"slots":"3"}']) {
    await t.rejects(read(await home(t, file)), { code: 'BAD_CONFIG', message: /ipdc\.json|polcy|policy|slots/ }, file)
  }
  const dir = await home(t)
  await mkdir(join(dir, 'ipdc.json'))
  await t.rejects(read(dir), { code: 'BAD_CONFIG' }, 'a folder')
})

t.test('where to say ready is known even of a command line that is none', (t) => {
  t.equal(readyFdOf(['--unknown', '--ready-fd', '3', 'more']), 3)
  t.equal(readyFdOf(['--ready-fd=4', '--slots', 'many']), 4)
  t.equal(readyFdOf(['--slots', 'many']), undefined)
  t.equal(readyFdOf(['--ready-fd']), undefined)
  t.equal(readyFdOf(['--ready-fd', 'x']), undefined)
  t.end()
})
