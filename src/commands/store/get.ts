/** `ipdc store get ADDRESS [PATH]`: a file or a folder out of the store. */
import { basename } from 'node:path'
import * as Flags from '@oclif/core/flags'
import type { Entry } from '../../core/client/api.ts'
import { IpdcError } from '../../core/errors.ts'
import { addressOf } from '../base/address.ts'
import { bytesText } from '../base/amounts.ts'
import { address, optional } from '../base/args.ts'
import { force } from '../base/flags.ts'
import { saveEntry } from '../base/save.ts'
import { BaseCommand } from '../base.ts'

/** What `--json` prints. */
export interface StoreGot extends Entry {
  readonly path: string
}

export default class StoreGet extends BaseCommand {
  static override summary = 'Write a file or a folder of the store to this machine'
  static override examples = [
    '<%= config.bin %> <%= command.id %> bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e',
    '<%= config.bin %> <%= command.id %> bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354/part-00000 counts.txt --force',
  ]
  static override args = {
    address,
    path: optional('where to [default: the last name of the address, here]'),
  }
  static override flags = { output: Flags.string({ char: 'o', helpValue: 'PATH', description: 'where to, the same as PATH' }), force }

  async run(): Promise<StoreGot> {
    const { args, flags } = await this.parse(StoreGet)
    const address = addressOf(args.address)
    if (args.path !== undefined && flags.output !== undefined)
      throw new IpdcError('USAGE', { message: `Two places are named: ${args.path} and ${flags.output}` })
    const { client } = await this.reach()
    const path = args.path ?? flags.output ?? basename(address)
    const entry = await saveEntry(client, address, path, flags.force)
    this.say(`Wrote ${bytesText(entry.size)} to ${path}`)
    return { ...entry, path }
  }
}
