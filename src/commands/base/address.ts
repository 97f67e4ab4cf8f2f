/** An address as people write it: a CID, `CID/path`, `/ipfs/CID/path` or `ipfs://CID/path`. */
import { type Address, rootOf } from '../../core/cids.ts'
import { IpdcError } from '../../core/errors.ts'

/** @throws USAGE; NOT_OFFERED for a CID of another form */
export function addressOf(text: string): Address {
  const address = readAddress(text)
  if (address !== undefined) return address
  refuseOther(text)
  throw new IpdcError('USAGE', {
    message: `"${text}" is not an address`,
    hint: 'An address is a CID such as bafybei…, or a CID and a path: bafybei…/part-00000',
  })
}

export function readAddress(text: string): Address | undefined {
  const address = bare(text)
  return rootOf(address) === undefined ? undefined : address
}

/** @throws NOT_OFFERED for a CID that others read and we do not: of version 0, in another base, of another hash or codec, or of no hash at all */
export function refuseOther(text: string): void {
  const [cid = ''] = bare(text).split('/')
  if (!other.test(cid)) return
  const message = `The CID ${cid} is not supported: only version 1, in base32, of a sha2-256 block that is raw or dag-pb (bafkrei…, bafybei…)`
  throw new IpdcError('NOT_OFFERED', { message, hint: cid.startsWith('Qm') ? `ipfs cid base32 ${cid}` : undefined })
}

const other = /^(?:Qm[1-9A-HJ-NP-Za-km-z]{44}|z[1-9A-HJ-NP-Za-km-z]{45,}|bafkqa[a-z2-7]*|baf(?!krei|ybei)[a-z2-7]{50,})$/

function bare(text: string): string {
  return text.replace(/^(?:ipfs:\/\/|\/ipfs\/)/, '').replace(/\/+$/, '')
}
