/**
 * Who this node is in which domain. A throw-away domain lives in memory and in the temporary homes of its companions; a home
 * without a domain becomes a domain of its own, whose root key stays in it.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { IpdcError } from '../src/core/errors.ts'
import { type Certificate, issueCertificate, readCertificate } from '../src/core/trust/certificate.ts'
import { type Domain, foundDomain, openDomain, saveDomain } from '../src/core/trust/domain.ts'
import { createFileOnce, readDocument } from '../src/core/trust/file.ts'
import { type Identity, openIdentity } from '../src/core/trust/identity.ts'

export interface Membership {
  readonly domain: Domain
  readonly identity: Identity
  /** As it is now: where the root key lies here it is renewed in time, so ask for it each time. */
  readonly certificate: Uint8Array
  /** The root key, where this node holds it: it can enrol others. */
  readonly root?: Identity
  /** Issues a fresh certificate where this one is old, and resolves with whether it did. Without the root key it never does. @throws IO */
  renew(wall: number): Promise<boolean>
}

/** Whoever has it may order other nodes about: pause them, drop what they hold. The node that holds the root key has it. */
export const operatorRole = 'operator'

const roles = ['node', 'submitter']
const founderRoles = [...roles, operatorRole]

/** @throws NOT_MEMBER the certificate does not hold; BAD_CONFIG, IO */
export async function openMembership(home: string, wall: number): Promise<Membership> {
  const identity = await openIdentity(join(home, 'identity.key'))
  const own = (await openDomain(join(home, 'domain'))) ?? (await found(home))
  const path = join(home, 'domain', 'certificate.cbor')
  const save = async (certificate: Uint8Array) => {
    await rm(path, { force: true })
    await createFileOnce(path, certificate)
  }
  const membership = memberOf({ ...own, identity, certificate: await readDocument(path), save })
  await membership.renew(wall)
  const { certificate } = membership
  if (certificate.length === 0) throw new IpdcError('NOT_MEMBER', { message: `${home} has no certificate of the domain "${own.domain.name}"` })
  const read: Certificate = readCertificate(certificate, own.domain, wall)
  if (read.node !== identity.id) throw new IpdcError('NOT_MEMBER', { message: `The certificate in ${home} is of another node: ${read.node}` })
  return membership
}

interface Member {
  readonly domain: Domain
  readonly identity: Identity
  readonly root?: Identity
  readonly certificate?: Uint8Array | undefined
  readonly save?: (certificate: Uint8Array) => Promise<void>
}

function memberOf(member: Member & { readonly root: Identity }): Required<Membership>
function memberOf(member: Member): Membership
function memberOf({ domain, identity, root, certificate: first, save }: Member): Membership {
  let certificate = new Uint8Array(first ?? [])
  return {
    domain,
    identity,
    ...(root === undefined ? {} : { root }),
    get certificate() {
      return certificate
    },
    async renew(wall) {
      if (root === undefined || !isOld(certificate, domain, wall)) return false
      certificate = new Uint8Array(issueCertificate({ domain, root, node: identity, roles: founderRoles, wall }))
      await save?.(certificate)
      return true
    },
  }
}

/** At two thirds of its life, or when it does not hold, or lacks a role: who has the root key is not shut out of its own domain. */
function isOld(bytes: Uint8Array, domain: Domain, wall: number): boolean {
  try {
    const { notBefore, notAfter, roles } = readCertificate(bytes, domain, wall)
    return !founderRoles.every((role) => roles.includes(role)) || wall > notBefore + ((notAfter - notBefore) * 2) / 3
  } catch {
    return true
  }
}

async function found(home: string) {
  const made = foundDomain('home')
  await saveDomain(join(home, 'domain'), made)
  return made
}

/** A domain that ends with this process: nothing of it but the node's own key touches the home. */
export async function throwAway(home: string, wall: number): Promise<Required<Membership>> {
  const identity = await openIdentity(join(home, 'identity.key'))
  const { domain, root } = foundDomain('throw-away')
  const membership = memberOf({ domain, root, identity })
  await membership.renew(wall)
  return membership
}

/** Makes a fresh home a member: a key of its own, the domain's document, a certificate. */
export async function enrol(home: string, { domain, root }: Pick<Required<Membership>, 'domain' | 'root'>, wall: number): Promise<void> {
  const identity = await openIdentity(join(home, 'identity.key'))
  await saveDomain(join(home, 'domain'), { domain })
  await createFileOnce(join(home, 'domain', 'certificate.cbor'), issueCertificate({ domain, root, node: identity, roles, wall }))
}
