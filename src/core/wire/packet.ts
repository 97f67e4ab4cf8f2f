/** The few bytes and numbers of MQTT that we write and read ourselves. */

/** An acknowledgement that holds in 3.1.1 (§3.4) and in 5 (§3.4.2.1, reason code left out: success). */
export function pubackBytes(messageId: number): Uint8Array {
  return Uint8Array.of(0x40, 2, messageId >>> 8, messageId & 255)
}

/** DISCONNECT, 3.1.1 (§3.14) and 5 (normal disconnection): the broker forgets the will. */
export const disconnectBytes = Uint8Array.of(0xe0, 0)

/** A CONNACK that says: not this version of the protocol. */
export function isVersion(code: number | undefined): boolean {
  return code === 1 || code === 132
}

/** A CONNACK that says: not you. Client id, user, password, rights, banned, authentication method. */
export function isRefusal(code: number | undefined): boolean {
  return code !== undefined && [2, 4, 5, 133, 134, 135, 138, 140].includes(code)
}

/** Why a broker of version 5 ended a connection (§3.14.2.1), as far as a person can do something about it. */
export function reasonText(code: number): string {
  return reasons[code] ?? `reason ${code}`
}

const reasons: Readonly<Record<number, string>> = {
  130: 'protocol error',
  135: 'not authorized',
  137: 'it is busy',
  139: 'it shuts down',
  141: 'it heard nothing for too long',
  142: 'another connection uses this client id',
  144: 'invalid topic',
  149: 'packet too large',
  151: 'quota exceeded',
}
