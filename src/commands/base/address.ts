/** An address as people write it: a CID, `CID/path`, `/ipfs/CID/path` or `ipfs://CID/path`. */
import { type Address, rootOf } from '../../core/cids.ts'
import { IpdcError } from '../../core/errors.ts'

/** @throws USAGE */
export function addressOf(text: string): Address {
  const address = readAddress(text)
  if (address !== undefined) return address
  throw new IpdcError('USAGE', {
    message: `"${text}" is not an address`,
    hint: 'An address is a CID such as bafybei…, or a CID and a path: bafybei…/part-00000',
  })
}

export function readAddress(text: string): Address | undefined {
  const address = text.replace(/^(?:ipfs:\/\/|\/ipfs\/)/, '').replace(/\/+$/, '')
  return rootOf(address) === undefined ? undefined : address
}
