/** The table of contents of the command line: every command by its name, loaded when it is wanted. */
export const COMMANDS = {
  demo: () => import('../plugins/mr/commands/demo.ts'),
  dev: () => import('./dev.ts'),
  up: () => import('./up.ts'),
  down: () => import('./down.ts'),
  'mr:wordcount': () => import('../plugins/mr/commands/wordcount.ts'),
  'job:list': () => import('./job/list.ts'),
  'job:show': () => import('./job/show.ts'),
  'job:watch': () => import('./job/watch.ts'),
  'job:result': () => import('./job/result.ts'),
  'job:cancel': () => import('./job/cancel.ts'),
  'node:list': () => import('./node/list.ts'),
  'node:show': () => import('./node/show.ts'),
  'node:queue': () => import('./node/queue.ts'),
  'store:add': () => import('./store/add.ts'),
  'store:get': () => import('./store/get.ts'),
  'store:cat': () => import('./store/cat.ts'),
  'store:ls': () => import('./store/ls.ts'),
}

export type CommandId = keyof typeof COMMANDS

/** What the first words mean, for whoever asks for help. */
export const TOPICS = {
  mr: { description: 'MapReduce: count words of any amount of text' },
  job: { description: 'See, watch and end jobs; get their results' },
  node: { description: 'See the nodes of the domain, and what waits there' },
  store: { description: 'Put files in and get them out, by content address' },
}
