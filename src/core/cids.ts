/**
 * What counts as a content address outside the store: a CIDv1 in base32 of a sha2-256 block, raw or dag-pb. A job, a task
 * or a result *names* a CID when one of its strings is that CID, alone or followed by `/path`: so core can pin inputs,
 * find holders and withdraw lost results of kinds it knows nothing about.
 */

/** A CID in its one written form, 59 characters. */
export type Cid = string

/** A CID, or a CID and a path below it: `bafy…/00003/part`. */
export type Address = string

const form = /^baf(?:krei|ybei)[a-z2-7]{52}$/

export function isCid(text: string): boolean {
  return text.length === 59 && form.test(text)
}

/** The CID an address starts with, or undefined where there is none. */
export function rootOf(address: Address): Cid | undefined {
  const cid = address.slice(0, 59)
  return isCid(cid) && (address.length === 59 || address[59] === '/') ? cid : undefined
}

/** Every CID that a plain value names, in order of appearance, once each. `Uint8Array`s are not looked into. */
export function cidsIn(value: unknown, found: Set<Cid> = new Set()): Set<Cid> {
  if (typeof value === 'string') {
    const cid = rootOf(value)
    if (cid !== undefined) found.add(cid)
  } else if (Array.isArray(value)) {
    for (const item of value) cidsIn(item, found)
  } else if (value !== null && typeof value === 'object' && !(value instanceof Uint8Array)) {
    for (const item of Object.values(value)) cidsIn(item, found)
  }
  return found
}
