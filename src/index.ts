/**
 * The door of the SDK: what a program of somebody else's imports as `ipdc`. A client of a running agent, or of one that it starts;
 * and what a kind of job is made with.
 *
 *   import { reach, homeOf } from 'ipdc'
 *   const { client, session } = await reach({ home: homeOf(), until: 'idle', companions: 2 })
 *   const { cid } = await client.addPaths([{ path: 'book.txt', file: '/home/ada/book.txt' }])
 *   const id = await client.submit({ kind: 'mr', job: { program: 'wordcount', input: cid } })
 *   for await (const event of client.events(id)) if (event.is === 'closed') console.log(event.job.root?.cid)
 *   session.close()
 */
export type * from './core/client/api.ts'
export type { AddOptions, Client, LocalFile, ReadOptions, Session } from './core/client/client.ts'
export { type Connection, connect } from './core/client/connect.ts'
export { homeOf } from './core/client/home.ts'
export { type Launched, type LaunchOptions, launch, reach } from './core/client/launch.ts'
export { codeOf, type ErrorDetails, errors, IpdcError } from './core/errors.ts'
export { defineKind, type JobKind } from './core/kind.ts'
