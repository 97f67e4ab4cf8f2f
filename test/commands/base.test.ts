import t from 'tap'
import { fakeHome, homeFor, ipdc } from './cli.ts'

t.test('data goes to stdout, talk to stderr', async (t) => {
  const { home } = await fakeHome(t)
  const { status, stdout, stderr } = await ipdc(['job', 'list'], { home })
  t.same([status, stdout], [0, ''])
  t.equal(stderr, 'No jobs yet. Try: ipdc mr wordcount\n')
})

t.test('with --json stdout is one JSON value and stderr is silent', async (t) => {
  const { home } = await fakeHome(t)
  const { status, stdout, stderr } = await ipdc(['node', 'list', '--json'], { home })
  t.equal(status, 0)
  t.same(
    JSON.parse(stdout).map(({ name }: { name: string }) => name),
    ['ada', 'ben'],
  )
  t.equal(stdout.trim().split('\n').length, 1, 'off a terminal on one line')
  t.equal(stderr, '')
})

t.test('an error goes to stderr with its exit status, and leaves stdout empty', async (t) => {
  const { home } = await fakeHome(t)
  const ran = await ipdc(['job', 'show', 'nope'], { home })
  t.same([ran.status, ran.stdout], [66, ''])
  t.equal(ran.stderr, 'Error NOT_FOUND No job nope\nTry: ipdc job list\n')
})

t.test('with --json an error is one line of JSON on stderr', async (t) => {
  const { home } = await fakeHome(t)
  const ran = await ipdc(['job', 'show', 'nope', '--json'], { home })
  t.same([ran.status, ran.stdout], [66, ''])
  t.same(JSON.parse(ran.stderr), { error: { code: 'NOT_FOUND', message: 'No job nope', hint: 'ipdc job list' } })
})

t.test('a command line that is not understood ends with 2 and says what was meant', async (t) => {
  const home = await homeFor(t)
  const cases = [
    [['jb', 'list'], /There is no command "ipdc jb"\nTry: ipdc job\n/],
    [['job', 'lst'], /Try: ipdc job list\n/],
    [['job', 'show'], /Missing 1 required arg/],
    [['job', 'list', '--jsno'], /Nonexistent flag: --jsno\nTry: --json\n/],
    [['mr', 'wordcount', '--k', 'many'], /--k: Expected an integer but received: many\nTry: ipdc mr wordcount --help\n/],
    [['mr', 'wordcount', '--k', '0'], /--k: Expected an integer greater than or equal to 1/],
    [['mr', 'wordcount', '--split', '1k'], /--split: 1k is not between 64.0 KiB and 1.0 GiB\n/],
    [['store', 'ls', 'book.txt'], /"book.txt" is not an address/],
    [['store', 'ls', `Qm${'a'.repeat(44)}`], /NOT_OFFERED The CID Qma+ is not supported.*\nTry: ipfs cid base32 Qma+\n/],
    [['store', 'cat', '/ipfs/bafkqabtimvwgy3yk/x'], /NOT_OFFERED The CID bafkqabtimvwgy3yk is not supported/],
    [['store', 'ls', 'bafybei'], /"bafybei" is not an address/],
    [['--nope'], /Error USAGE/],
  ] as const
  for (const [argv, said] of cases) {
    const ran = await ipdc(argv, { home })
    t.same([ran.status, ran.stdout], [2, ''], argv.join(' '))
    t.match(ran.stderr, said, argv.join(' '))
  }
  const ran = await ipdc(['jb', '--json'], { home })
  t.equal(JSON.parse(ran.stderr).error.code, 'USAGE')
})

t.test('help is for people: all commands, those of a topic, one', async (t) => {
  const home = await homeFor(t)
  for (const argv of [[], ['--help'], ['help']]) {
    const all = await ipdc(argv, { home })
    t.equal(all.status, 0)
    t.match(all.stdout, /TOPICS[\s\S]+mr +MapReduce[\s\S]+COMMANDS[\s\S]+demo +See it work/)
  }
  const topic = await ipdc(['job'], { home })
  t.match(topic.stdout, /job cancel[\s\S]+job watch/)
  for (const argv of [
    ['mr', 'wordcount', '--help'],
    ['mr', 'wordcount', '-h'],
    ['help', 'mr', 'wordcount'],
  ]) {
    t.match((await ipdc(argv, { home })).stdout, /\$ ipdc mr wordcount \[INPUT\.\.\.\][\s\S]+EXAMPLES/)
  }
})

t.test('no agent is said where one is needed, with what to do', async (t) => {
  const home = await homeFor(t)
  const ran = await ipdc(['node', 'list'], { home })
  t.equal(ran.status, 69)
  t.match(ran.stderr, /^Error NO_AGENT No agent runs here .*\nTry: ipdc up\n$/)
  const down = await ipdc(['down'], { home })
  t.same([down.status, down.stderr], [0, `No node runs in ${home}\n`])
})

t.test('colours come only where they are wanted', async (t) => {
  const { home } = await fakeHome(t)
  const plain = await ipdc(['node', 'list'], { home })
  t.notMatch(plain.stdout, '\u001b')
  const forced = await ipdc(['node', 'list'], { home, env: { FORCE_COLOR: '1' } })
  t.match(forced.stdout, '\u001b[1m')
})
