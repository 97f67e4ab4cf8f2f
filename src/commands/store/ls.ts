/** `ipdc store ls ADDRESS`: what lies in a directory of the store. */

import type { Entry } from '../../core/client/api.ts'
import { addressOf } from '../base/address.ts'
import { address } from '../base/args.ts'
import { table } from '../base/table.ts'
import { BaseCommand } from '../base.ts'

export default class StoreLs extends BaseCommand {
  static override summary = 'List a directory of the store'
  static override examples = [
    '<%= config.bin %> <%= command.id %> bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354',
    '<%= config.bin %> <%= command.id %> bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354 --json',
  ]
  static override args = { address }

  async run(): Promise<Entry[]> {
    const { args } = await this.parse(StoreLs)
    const address = addressOf(args.address)
    const { client } = await this.reach()
    const entries: Entry[] = []
    for await (const entry of client.ls(address)) entries.push(entry)
    this.print(
      table(
        ['CID', 'BYTES', 'NAME'],
        entries.map(({ cid, size, name, type }) => [cid, size, type === 'directory' ? `${name}/` : name]),
        this.out,
      ),
    )
    return entries
  }
}
