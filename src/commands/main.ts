/** The command line: finds the command and runs it. Reached from `bin/run.js`, in src and in dist alike. */
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { Config } from '@oclif/core/config'
import { run } from '@oclif/core/run'
import { settings } from '@oclif/core/settings'
import { packageRoot } from '../core/client/package.ts'
import { exitOf, failureJson, failureText, fromOclif } from './base/failure.ts'
import { screenOf } from './base/screen.ts'
import { COMMANDS, type CommandId, TOPICS } from './index.ts'
import { COMMANDS as loaded } from './loaded.ts'
import { commandsMeant } from './words.ts'

export async function main(argv: readonly string[] = process.argv.slice(2)): Promise<void> {
  // Where nobody listens to talk any more, the work goes on, and what was begun is ended in good order.
  process.stderr.on('error', () => {})
  try {
    const words = argv[0] === 'help' ? [...argv.slice(1), '--help'] : [...argv]
    const ids = commandsMeant(words, Object.keys(COMMANDS)) as readonly CommandId[]
    for (const id of ids) loaded[id] = (await COMMANDS[id]()).default
    await run(words, await loadConfig())
  } catch (error) {
    report(error, argv.includes('--json'))
  }
}

async function loadConfig(): Promise<Config> {
  // oclif would otherwise look for a compiler: our TypeScript is Node's own matter.
  settings.enableAutoTranspile = false
  const root = packageRoot()
  const pjson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const extension = import.meta.filename.endsWith('.ts') ? 'ts' : 'js'
  const oclif = {
    bin: 'ipdc',
    dirname: 'ipdc',
    topicSeparator: ' ',
    topics: TOPICS,
    additionalHelpFlags: ['-h'],
    // What lies beside this file, never what an earlier build has left.
    commands: { strategy: 'explicit', target: `./${relative(root, join(import.meta.dirname, `loaded.${extension}`))}`, identifier: 'COMMANDS' },
  }
  return Config.load({ root, pjson: { ...pjson, oclif: { ...pjson.oclif, ...oclif } } })
}

/** What went wrong before a command could say so itself. */
function report(thrown: unknown, json: boolean): void {
  const error = fromOclif(thrown, 'ipdc', [])
  const screen = screenOf(process.stderr)
  process.exitCode = exitOf(error)
  screen.write(json ? `${JSON.stringify(failureJson(error))}\n` : `${failureText(error, screen.paint)}\n`)
}
