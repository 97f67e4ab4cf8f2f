/** `ipdc store cat ADDRESS`: the bytes of a file of the store. */

import { IpdcError } from '../../core/errors.ts'
import { addressOf } from '../base/address.ts'
import { address } from '../base/args.ts'
import { size } from '../base/flags.ts'
import { pour } from '../base/pour.ts'
import { BaseCommand } from '../base.ts'

/** Bytes in one JSON object, at most. @default 16 MiB */
const maxJsonBytes = 16 * 2 ** 20

/** What `--json` prints. */
export interface StoreCatted {
  readonly address: string
  readonly size: number
  readonly base64: string
}

export default class StoreCat extends BaseCommand {
  static override summary = 'Print the bytes of a file of the store'
  static override description = 'With --json they come in base64, and may be 16 MiB at most.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354/part-00000 | head',
    '<%= config.bin %> <%= command.id %> bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e --offset 1k --length 100',
  ]
  static override args = { address }
  static override flags = {
    offset: size({ description: 'bytes to leave out at the start', default: 0 }),
    length: size({ description: 'bytes to print, at most [default: all]' }),
  }

  async run(): Promise<StoreCatted | undefined> {
    const { args, flags } = await this.parse(StoreCat)
    const address = addressOf(args.address)
    const { client } = await this.reach()
    const bytes = client.cat(address, { offset: flags.offset, length: flags.length })
    if (this.jsonEnabled()) return asJson(args.address, bytes)
    await pour(bytes, process.stdout)
    return undefined
  }
}

async function asJson(address: string, bytes: AsyncIterable<Uint8Array>): Promise<StoreCatted> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of bytes) {
    size += chunk.length
    if (size > maxJsonBytes) throw new IpdcError('TOO_LARGE', { message: `${address} is larger than ${maxJsonBytes} bytes`, hint: `ipdc store get ${address}` })
    chunks.push(chunk)
  }
  return { address, size, base64: Buffer.concat(chunks).toString('base64') }
}
