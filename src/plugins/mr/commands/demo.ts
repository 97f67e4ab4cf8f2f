/** `ipdc demo`: three nodes and a broker on this machine count the words of many files, show how, and leave nothing behind. */
import { bytesText, durationText, plural } from '../../../commands/base/amounts.ts'
import { watch } from '../../../commands/base/follow.ts'
import { withPassingDomain } from '../../../commands/base/passing.ts'
import { rootOf } from '../../../commands/base/result.ts'
import { namesOf, nodesText } from '../../../commands/base/stages.ts'
import { BaseCommand } from '../../../commands/base.ts'
import type { Entry } from '../../../core/client/api.ts'
import type { NodeId } from '../../../core/kind.ts'
import { picture } from './picture.ts'
import { findTexts } from './texts.ts'
import { type Counted, topWords } from './top.ts'

/** What `--json` prints. */
export interface Demonstrated {
  readonly root: string
  readonly texts: number
  readonly bytes: number
  /** The most frequent ones. */
  readonly words: readonly Counted[]
  /** Tasks done, by node. */
  readonly nodes: Readonly<Record<NodeId, number>>
  readonly ms: number
}

const companions = 2

export default class Demo extends BaseCommand {
  static override summary = 'See it work: three nodes on this machine count the words of many files'
  static override description = 'They have homes and a broker of their own, and leave nothing behind. It takes some seconds.'
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json']

  async run(): Promise<Demonstrated> {
    await this.parse(Demo)
    const { files, bytes, from } = await findTexts()
    const demonstrated = withPassingDomain({ companions }, async (domain, signal) => {
      const { client } = domain
      const input = await client.addPaths(files, { signal })
      const id = await client.submit({ kind: 'mr', label: 'demo', job: { program: 'wordcount', input: input.cid, splitBytes: splitFor(bytes) } })
      const progress = await this.progress(domain)
      const job = await watch({ client, id, progress, signal }).finally(() => progress.end())
      const root = rootOf(job).cid
      const words = await topWords(client, await listOf(client.ls(root)), 10)

      this.print(`\n${this.out.paint.bold('The ten most frequent words')}\n${picture(words, this.out)}\n`)
      this.print(`Result  ${root}\n        the same address whichever nodes take part, however often you run it`)
      this.print(`Nodes   ${nodesText(job, namesOf(await client.nodes()))} tasks, in ${durationText(job.ms)}\n`)
      this.print(
        'Next    ipdc mr wordcount FILE      your own text\n        ipdc dev                    keep such a domain, for other terminals\n        ipdc --help',
      )
      return { root, texts: files.length, bytes, words, nodes: job.nodes, ms: job.ms }
    })
    // Said only now that ^C is heard: whoever reads it may press it.
    this.say(
      `Starting ${1 + companions} nodes and a broker on this machine, to count the words of ${plural(files.length, 'file')} (${bytesText(bytes)}) of ${from}`,
    )
    return demonstrated
  }
}

/** Some tasks for each node, so that one sees them share. */
function splitFor(bytes: number): number {
  return Math.min(2 * 2 ** 20, Math.max(64 * 2 ** 10, Math.ceil(bytes / 24)))
}

async function listOf(entries: AsyncIterable<Entry>): Promise<Entry[]> {
  const list: Entry[] = []
  for await (const entry of entries) list.push(entry)
  return list
}
