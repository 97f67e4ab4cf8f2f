/** Why a message was not taken: one reason each, to count by. Nothing is ever answered to a refused message. */
import { type ErrorCode, IpdcError } from '../errors.ts'

const reasons = {
  oversize: 'TOO_LARGE',
  'bad-cbor': 'BAD_DATA',
  'unknown-version': 'BAD_DATA',
  unsigned: 'BAD_DATA',
  'bad-topic': 'BAD_TOPIC',
  'unknown-sender': 'NOT_MEMBER',
  'bad-certificate': 'NOT_MEMBER',
  forged: 'BAD_SIGNATURE',
  'bad-envelope': 'BAD_DATA',
  foreign: 'NOT_MEMBER',
  'not-for-me': 'REFUSED',
  'other-boot': 'REFUSED',
  'topic-mismatch': 'BAD_TOPIC',
  'not-yet': 'REFUSED',
  expired: 'REFUSED',
  replayed: 'REFUSED',
  'stale-boot': 'REFUSED',
  'unknown-type': 'BAD_DATA',
  'bad-body': 'BAD_DATA',
} as const satisfies Record<string, ErrorCode>

export type RefusalReason = keyof typeof reasons

export type Refused = IpdcError & { readonly reason: RefusalReason }

export function refusal(reason: RefusalReason, detail: string, cause?: unknown): Refused {
  return Object.assign(new IpdcError(reasons[reason], { message: `Message refused (${reason}): ${detail}`, cause }), { reason })
}
