/** Parts of BullMQ without its whole: what its index loads besides costs a small board 2 MB. The version is pinned, so these paths hold. */
declare module 'bullmq/dist/cjs/classes/job.js' {
  export { Job } from 'bullmq'
}
declare module 'bullmq/dist/cjs/classes/queue.js' {
  export { Queue } from 'bullmq'
}
declare module 'bullmq/dist/cjs/classes/worker.js' {
  export { Worker } from 'bullmq'
}
declare module 'bullmq/dist/cjs/utils/create-backend.js' {
  export { createRedisBackend } from 'bullmq'
}
