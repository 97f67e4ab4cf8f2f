/** Options of the workers that are killed and of those that come after: nothing but the recovery at open can bring back what was active. */
const hour = 3_600_000

export const workers = { concurrency: 8, lockDuration: hour, stalledInterval: hour }
