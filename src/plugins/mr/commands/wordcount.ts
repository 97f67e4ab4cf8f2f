/** `ipdc mr wordcount [INPUT…]`: how often each word occurs. */

import * as Flags from '@oclif/core/flags'
import { optional } from '../../../commands/base/args.ts'
import { force, output, size } from '../../../commands/base/flags.ts'
import { addInputs } from '../../../commands/base/inputs.ts'
import { folderOf, rootOf, tasksOf } from '../../../commands/base/result.ts'
import { checkFolder, checkRoom } from '../../../commands/base/save.ts'
import { BaseCommand } from '../../../commands/base.ts'
import type { Artifact } from '../../../core/client/api.ts'
import type { JobId, NodeId } from '../../../core/kind.ts'
import { saveParts } from './output.ts'
import { chooseInputs } from './sample.ts'

/** What `--json` prints. */
export interface WordCounted {
  readonly job: JobId
  readonly root: string
  readonly parts: readonly Artifact[]
  readonly tasks: number
  /** Tasks done, by node. */
  readonly nodes: Readonly<Record<NodeId, number>>
  readonly ms: number
}

export default class WordCount extends BaseCommand {
  static override summary = 'Count how often each word occurs'
  static override description = `A word is a run of bytes without white space (space, tab, line feed, vertical tab, form feed, carriage return).
The result is K files part-00000 … of lines "word TAB count", each sorted by the bytes of the word; a word is in one of them.
A word of more than 16 MiB is an error.
Their address, printed on standard output, depends on the input and the flags alone, never on the nodes.

INPUT is a file, a folder (all files below it; hidden ones and links are left out), a quoted glob, - for standard input, or an address
(a CID, or a CID and a path). Without INPUT: standard input when it is a pipe, else a text that comes with ipdc.
Where no agent runs, three nodes are started for the job and end with it.`

  static override examples = [
    { description: 'Count the words of a file, in three result files:', command: '<%= config.bin %> <%= command.id %> book.txt --k 3' },
    {
      description: 'Of all Markdown files below a folder, upper and lower case as one:',
      command: "<%= config.bin %> <%= command.id %> 'notes/**/*.md' --ignore-case --output counts",
    },
    { description: 'Of standard input, the result as one JSON object:', command: '<%= config.bin %> <%= command.id %> --json < book.txt' },
  ]

  static override strict = false
  static override args = { input: optional('files, folders, globs, -, addresses') }
  static override flags = {
    k: Flags.integer({ description: 'result files', default: 3, min: 1, max: 1024, helpValue: 'N' }),
    nodes: Flags.integer({ description: 'nodes that may work on it, at most [default: all]', min: 1, helpValue: 'N' }),
    output: output(),
    force,
    'ignore-case': Flags.boolean({ description: 'count A to Z as a to z' }),
    split: size({ description: 'bytes of input a task, from 64KiB to 1GiB [default: 16MiB]', min: 64 * 2 ** 10, max: 2 ** 30 }),
  }

  async run(): Promise<WordCounted> {
    const { argv, flags } = await this.parse(WordCount)
    const { k, nodes, output, split: splitBytes, 'ignore-case': ignoreCase } = flags
    await (output === undefined ? checkRoom('.') : checkFolder(output, flags.force))
    const inputs = await chooseInputs(argv as string[], (line) => this.say(line))
    const connection = await this.reach({ companions: 2 })
    const input = await addInputs(connection.client, inputs)
    const counting = { program: 'wordcount', input: input.cid, k, splitBytes, ignoreCase }
    const id = await connection.client.submit({ kind: 'mr', label: 'wordcount', job: counting, ...(nodes === undefined ? {} : { nodes }) })
    const job = await this.follow(connection, id)
    const { parts, sentence } = await saveParts(connection.client, job, output ?? folderOf(job))
    this.say(sentence)
    this.print(rootOf(job).cid)
    return { job: id, root: rootOf(job).cid, parts, tasks: tasksOf(job), nodes: job.nodes, ms: job.ms }
  }
}
