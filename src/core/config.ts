/** Configuration of an agent and of a command: flag > `IPDC_*` > `ipdc.json` in the home > default. One schema. */
import * as v from 'valibot'
import { namePattern } from './kind.ts'

const url = v.pipe(v.string(), v.regex(/^mqtts?:\/\/[^\s]+$/, 'a broker is mqtt://host:port or mqtts://host:port'))
const whole = (min: number, max: number) => v.pipe(v.number(), v.safeInteger(), v.minValue(min), v.maxValue(max))

/** Where tasks of this node wait. */
const Queue = v.pipe(
  v.strictObject({
    /** A file of this home; a Redis or Valkey server; or this process, which survives nothing. @default 'embedded' */
    use: v.exactOptional(v.picklist(['embedded', 'redis', 'memory']), 'embedded'),
    /** Of `embedded`: what a power cut may cost, the last second or nothing. @default 'normal' */
    durability: v.exactOptional(v.picklist(['normal', 'full'])),
    /** Of `redis`: `redis://[user[:password]@]host[:port][/number]`, `rediss://` with TLS. */
    url: v.exactOptional(v.pipe(v.string(), v.check(isRedisUrl, 'a queue server is redis://host:port or rediss://host:port'))),
    /** Of `redis`: a file whose first line is the password. */
    passwordFile: v.exactOptional(v.string()),
    /** Tasks that it holds at most, waiting and running; how many it asks for follows how long they take. @default 32 × slots */
    limit: v.exactOptional(whole(1, 10_000)),
  }),
  v.check(({ use, url }) => use !== 'redis' || url !== undefined, 'queue.use "redis" needs queue.url'),
  v.check(({ use, url, passwordFile }) => use === 'redis' || (url === undefined && passwordFile === undefined), 'queue.url is for queue.use "redis"'),
  v.check(({ use, durability }) => use === 'embedded' || durability === undefined, 'queue.durability is for queue.use "embedded"'),
)

function isRedisUrl(text: string): boolean {
  const url = URL.parse(text)
  return (url?.protocol === 'redis:' || url?.protocol === 'rediss:') && url.hostname !== ''
}

export const Config = v.strictObject({
  /** What people see of this node. @default the host's name */
  name: v.exactOptional(v.pipe(v.string(), v.regex(namePattern))),
  /** Brokers to use: `mqtt://host:port`, `mqtts://host:port` with TLS. @default the embedded broker of this agent */
  broker: v.exactOptional(v.pipe(v.array(url), v.maxLength(8)), () => []),
  tls: v.exactOptional(
    v.strictObject({
      /** File with the certificates, PEM, of authorities that may vouch for an `mqtts:` broker; a relative path is from the home. @default those that Node knows */
      ca: v.exactOptional(v.pipe(v.string(), v.minLength(1))),
    }),
  ),
  /** Port of the embedded broker that this agent runs, on loopback; 0 takes a free one. @default none */
  serveBroker: v.exactOptional(whole(0, 65_535)),
  gateway: v.exactOptional(
    v.strictObject({
      /** Address that the gateway listens on. @default 127.0.0.1 */
      host: v.exactOptional(v.string(), '127.0.0.1'),
      /** @default 0, a free one */
      port: v.exactOptional(whole(0, 65_535), 0),
      /** Who may read without being a member. @default 'none' */
      open: v.exactOptional(v.picklist(['none', 'loopback', 'all']), 'none'),
    }),
    () => ({ host: '127.0.0.1', port: 0, open: 'none' as const }),
  ),
  /** Tasks that run at once. @default one a processor */
  slots: v.exactOptional(whole(0, 256)),
  queue: v.exactOptional(Queue, () => ({ use: 'embedded' as const })),
  store: v.exactOptional(
    v.strictObject({
      /** Largest size on disk, in bytes. @default 64 GiB */
      limit: v.exactOptional(whole(1 << 20, Number.MAX_SAFE_INTEGER), 64 * 2 ** 30),
    }),
    () => ({ limit: 64 * 2 ** 30 }),
  ),
  /** `key=value` labels that jobs can ask for. */
  labels: v.exactOptional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(130))), v.maxLength(64)), () => []),
  /** Whose jobs this node runs. @default 'domain' */
  policy: v.exactOptional(v.picklist(['domain', 'mine']), 'domain'),
  log: v.exactOptional(v.picklist(['debug', 'info', 'warn', 'error']), 'info'),
})

export type Config = v.InferOutput<typeof Config>
