/** Which ring of tests runs: `npm test` is quick, `npm run test:full` has the full numbers and also runs test/**\/*.full.ts. */
export const isFull = process.env.IPDC_TEST === 'full'

/** A number, or whatever else, by ring: `ring(500, 20_000)` seeds. */
export function ring<T>(quick: T, full: T): T {
  return isFull ? full : quick
}
