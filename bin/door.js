/**
 * What both doors do. Old Nodes must be able to read this file and say what is wrong, so it is plain JavaScript of 2015 in
 * CommonJS (bin/package.json), and knows nothing but Node itself. `--version` is answered here, before anything is loaded.
 */
const fs = require('fs')
const path = require('path')

const root = path.join(__dirname, '..')

/** The first version that runs us: the one before lacks stable type stripping and what undici needs. */
const least = [22, 19]

module.exports = function enter(module) {
  if (process.argv[2] === '--version') return console.log(`ipdc ${require('../package.json').version}`)
  if (isRecent()) return load(module)
  const pinned = findPinned()
  return pinned === undefined ? refuse() : runAgain(pinned)
}

function isRecent() {
  const version = process.versions.node.split('.').map(Number)
  return version[0] > least[0] || (version[0] === least[0] && version[1] >= least[1])
}

/** In a checkout the sources lie beside and Node strips their types; a package has only what was built. */
function load(module) {
  endWithLauncher()
  keepCompiled()
  const source = path.join(root, `${module}.ts`)
  const file = fs.existsSync(source) ? source : path.join(root, 'dist', `${module}.js`)
  return import(require('url').pathToFileURL(file).href).then((door) => door.main(process.argv.slice(2))).catch(fail)
}

/** Under an old Node a person started that one, not us: when it is gone, however, so are we. */
function endWithLauncher() {
  const launcher = Number(process.env.IPDC_LAUNCHER)
  delete process.env.IPDC_LAUNCHER
  if (!launcher) return
  setInterval(() => {
    if (process.ppid !== launcher) process.kill(process.pid, 'SIGTERM')
  }, 500).unref()
}

/** Half of what a command costs is making code of text, the same each time: Node keeps it, where it can, beside what npm installed. */
function keepCompiled() {
  const { enableCompileCache } = require('module')
  const modules = path.join(root, 'node_modules')
  const home = process.env.XDG_CACHE_HOME || path.join(require('os').homedir(), '.cache')
  if (enableCompileCache !== undefined) enableCompileCache(fs.existsSync(modules) ? path.join(modules, '.cache', 'ipdc') : path.join(home, 'ipdc'))
}

function fail(error) {
  console.error(error)
  process.exitCode = 1
}

/** The Node that came as a development dependency, in a checkout or beside the installed package. */
function findPinned() {
  return [path.join(root, 'node_modules'), path.join(root, '..')]
    .map((folder) => path.join(folder, 'node', 'bin', 'node'))
    .find((file) => fs.existsSync(file) && fs.realpathSync(file) !== fs.realpathSync(process.execPath))
}

/** The same call under another Node; its end is ours. */
function runAgain(node) {
  const env = Object.assign({}, process.env, { IPDC_LAUNCHER: String(process.pid) })
  const child = require('child_process').spawn(node, process.execArgv.concat(process.argv.slice(1)), { stdio: 'inherit', env: env })
  // A terminal sends ^C to both of us, and two of them mean something else than one.
  const passed = hasTerminal() ? ['SIGTERM', 'SIGHUP'] : ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT']
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT']) process.on(signal, () => passed.indexOf(signal) >= 0 && child.kill(signal))
  child.on('error', refuse)
  child.on('exit', (status, signal) => {
    if (signal === null) return process.exit(status)
    process.removeAllListeners(signal)
    return process.kill(process.pid, signal)
  })
}

function hasTerminal() {
  try {
    fs.closeSync(fs.openSync('/dev/tty', 'r'))
    return true
  } catch (_) {
    return false
  }
}

/** OLD_NODE of the error table: exit status 69. */
function refuse() {
  console.error(
    `OLD_NODE: ipdc needs Node ${least.join('.')} or newer and this is ${process.versions.node} (${process.execPath}); install a newer Node, or put one beside ipdc: npm install node@24`,
  )
  process.exitCode = 69
}
