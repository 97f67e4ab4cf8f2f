/**
 * Who may import whom: the house plan as rules. Each rule has a planted breach in test/fixtures/breach that
 * test/house/imports.test.ts shows to be caught. Two rules never speak of the same import, so a breach names one rule.
 */

const rooms = ['client', 'job', 'cluster', 'wire', 'trust', 'store', 'transfer']

/** What each room may know besides itself and the ground. */
const below = {
  client: ['trust'],
  job: ['cluster', 'wire', 'trust'],
  cluster: ['wire', 'trust'],
  wire: ['trust'],
  trust: [],
  store: [],
  transfer: ['store', 'trust'],
}

/** A vendor package and the one place that names it. */
const vendors = {
  mqtt: 'src/core/wire/mqtt[.]ts$',
  aedes: 'src/core/wire/embedded[.]ts$',
  cborg: 'src/core/cbor[.]ts$',
  bullmq: 'agent/queue/',
  ioredis: 'agent/queue/redis[.]ts$',
  'kubo-rpc-client': 'src/core/store/kubo[.]ts$',
}

/**
 * The rules for a tree that stands at `root`, a regular expression: the project itself, or the planted breaches.
 * @param {string} root
 * @returns {import('dependency-cruiser').IForbiddenRuleType[]}
 */
export function rulesAt(root) {
  const at = (path) => `${root}${path}`
  // An uninstalled package cannot be resolved and is then seen by its bare name.
  const packages = (names) => [`node_modules/(?:${names})/`, `^(?:${names})(?:/|$)`]
  const ours = at('(?:src|agent|bin)/')
  const ground = at('src/core/[^/]+[.]ts$')
  const words = at('src/commands/(?:base/.*|(?!(?:index|main|up|down|join|dev|demo|doctor|config|top|dashboard)[.]ts$)[^/]+[.]ts$)')
  const pluginCommands = at('src/plugins/[^/]+/commands/')

  return [
    // --- The user's side
    {
      name: 'commands-are-clients',
      comment: 'A command parses, makes one call of core/client and prints.',
      from: { path: at('src/commands/') },
      to: { path: ours, pathNot: [at('src/commands/'), at('src/core/client/'), ground, pluginCommands] },
    },
    {
      name: 'commands-stand-alone',
      comment: 'What two commands share is a noun of base; only the table of contents knows the commands.',
      from: { path: at('src/commands/'), pathNot: at('src/commands/(?:index|main)[.]ts$') },
      to: { path: at('src/commands/'), pathNot: words },
    },
    {
      name: 'index-knows-plugin-commands',
      comment: "The table of contents alone also lists the plugins' commands.",
      from: { path: at('src/commands/'), pathNot: at('src/commands/index[.]ts$') },
      to: { path: pluginCommands },
    },
    {
      name: 'plugin-commands-are-clients',
      comment: "A plugin's command knows core/client, base, the ground and its own kind and task.",
      from: { path: at('src/plugins/([^/]+)/commands/') },
      to: { path: ours, pathNot: [at('src/plugins/$1/(?:commands/|kind[.]ts$|task[.]ts$)'), at('src/core/client/'), ground, words] },
    },
    {
      name: 'sdk-is-a-client',
      comment: 'The door of the SDK is one more client: it knows core/client and the ground.',
      from: { path: at('src/index[.]ts$') },
      to: { path: ours, pathNot: [at('src/core/client/'), ground] },
    },

    // --- Core
    ...rooms.map((room) => ({
      name: `${room}-knows-${['ground', ...below[room]].join('-')}`,
      comment: 'Rooms know each other one way.',
      from: { path: at(`src/core/${room}/`) },
      to: { path: at('src/core/[^/]+/'), pathNot: at(`src/core/(?:${[room, ...below[room]].join('|')})/`) },
    })),
    {
      name: 'ground-knows-ground',
      comment: 'The files directly in core stand under every room.',
      from: { path: ground },
      to: { path: at('src/core/[^/]+/') },
    },
    {
      name: 'rooms-are-known',
      comment: 'A new room first gets its place in these rules.',
      from: { path: at('src/core/[^/]+/'), pathNot: at(`src/core/(?:${rooms.join('|')})/`) },
      to: { path: at('src/core/') },
    },
    {
      name: 'core-knows-nothing-above',
      comment: 'Core knows no plugin, no command, no agent.',
      from: { path: at('src/core/') },
      to: { path: ours, pathNot: at('src/core/') },
    },

    // --- The agent
    {
      name: 'agent-knows-core-and-kinds',
      comment: 'The agent knows all rooms of core, and kinds by plugins/index.',
      from: { path: at('agent/') },
      to: { path: ours, pathNot: [at('agent/'), at('src/core/'), at('src/plugins/index[.]ts$')] },
    },
    {
      name: 'sqlite-backend-stands-alone',
      comment: 'A backend for BullMQ on node:sqlite that could be published: it knows nothing of ipdc.',
      from: { path: at('agent/queue/sqlite/') },
      to: { path: ours, pathNot: at('agent/queue/sqlite/') },
    },
    {
      name: 'agent-never-sees-oclif-or-esbuild',
      comment: 'Not even by way of a room: what an agent loads must fit a 128 MB board.',
      from: { path: at('agent/') },
      to: { path: packages('@oclif|esbuild'), reachable: true },
    },

    // --- Plugins
    {
      name: 'plugins-know-the-ground',
      comment: 'A plugin knows the ground and itself, but not its own commands: those bring oclif.',
      from: { path: at('src/plugins/([^/]+)/'), pathNot: [pluginCommands, at('src/plugins/[^/]+/task[.]ts$')] },
      to: { path: ours, pathNot: [at('src/plugins/$1/(?!commands/)'), ground] },
    },
    {
      name: 'task-is-a-leaf',
      comment: 'The shapes that travel between coordinate and run know the ground only.',
      from: { path: at('src/plugins/[^/]+/task[.]ts$') },
      to: { path: ours, pathNot: ground },
    },
    {
      name: 'coordinate-never-reaches-run',
      comment: 'They run on different machines and meet in task.ts only.',
      from: { path: at('src/plugins/[^/]+/coordinate[.]ts$') },
      to: { path: at('src/plugins/[^/]+/run[.]ts$'), reachable: true },
    },
    {
      name: 'run-never-reaches-coordinate',
      comment: 'They run on different machines and meet in task.ts only.',
      from: { path: at('src/plugins/[^/]+/run[.]ts$') },
      to: { path: at('src/plugins/[^/]+/coordinate[.]ts$'), reachable: true },
    },
    {
      name: 'plugins-index-knows-kinds',
      comment: 'The list of kinds imports kinds; the halves of a kind are loaded lazily by the kind itself.',
      from: { path: at('src/plugins/index[.]ts$') },
      to: { path: ours, pathNot: [at('src/plugins/[^/]+/kind[.]ts$'), ground] },
    },

    // --- All
    {
      name: 'no-cycles',
      comment: 'Types count too.',
      from: { path: ours },
      to: { circular: true },
    },
    {
      name: 'product-knows-no-tests',
      comment: 'What ships never imports tests, benches, examples or scripts.',
      from: { path: ours },
      to: { path: at('(?:test|bench|examples|scripts)/') },
    },
    {
      name: 'oclif-in-commands',
      comment: 'Only commands and the doors know the command-line library.',
      from: { path: at('src/'), pathNot: [at('src/commands/'), pluginCommands] },
      to: { path: packages('@oclif') },
    },
    ...Object.entries(vendors).map(([name, place]) => ({
      name: `${name}-in-one-place`,
      comment: 'A vendor package is named where its port is adapted, and nowhere else.',
      from: { path: ours, pathNot: at(place) },
      to: { path: packages(name) },
    })),
  ].map((rule) => ({ severity: 'error', ...rule }))
}

export const options = {
  // Without it imports of types would slip through.
  tsPreCompilationDeps: true,
  doNotFollow: { path: 'node_modules' },
  exclude: { path: '(^|/)dist/' },
  tsConfig: { fileName: 'tsconfig.json' },
  enhancedResolveOptions: {
    exportsFields: ['exports'],
    conditionNames: ['import', 'node', 'default', 'types'],
    extensions: ['.ts', '.js', '.mjs', '.cjs', '.d.ts', '.json'],
  },
}

export default { forbidden: rulesAt('^'), options }
