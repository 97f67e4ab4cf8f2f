/** `ipdc store add PATH…`: put files into the store for good. */

import type { Artifact } from '../../core/client/api.ts'
import { several } from '../base/args.ts'
import { addKept } from '../base/inputs.ts'
import { BaseCommand } from '../base.ts'

export default class StoreAdd extends BaseCommand {
  static override summary = 'Add files or folders to the store, and print their address'
  static override description = `One file is added as itself, one folder as the directory it is; several become one directory with their names.
They stay: this version cannot remove what was added. PATH may be - for standard input. Hidden files and links in folders are left out.`
  static override examples = ['<%= config.bin %> <%= command.id %> book.txt', '<%= config.bin %> <%= command.id %> notes --json']
  static override strict = false
  static override args = { path: several('files, folders, globs, -') }

  async run(): Promise<Artifact> {
    const { argv } = await this.parse(StoreAdd)
    const { client } = await this.reach()
    const added = await addKept(client, argv as string[])
    this.print(added.cid)
    return added
  }
}
