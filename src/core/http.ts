/**
 * Node's HTTP as it is used here. An import of `node:http` itself reads all that the module exports, and one of those loads the whole
 * of undici: 13 MB of memory and 60 ms of a start, for nothing.
 */
import type { Agent as HttpAgent } from 'node:http'

export const { Agent, createServer, get, request } = process.getBuiltinModule('node:http')

export type Agent = HttpAgent
