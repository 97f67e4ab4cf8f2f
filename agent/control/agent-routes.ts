/** What clients ask of the agent and of the domain. */
import type { AgentView, NodeView } from '../../src/core/client/api.ts'
import type { Route } from './server.ts'

export interface AgentRoutesOptions {
  readonly view: () => Promise<AgentView>
  readonly nodes: (asks: boolean) => Promise<NodeView[]>
  readonly stop: (now: boolean) => void
  /** A client that needs this domain is here until the signal. */
  readonly session: (signal: AbortSignal) => void
}

export function agentRoutes({ view, nodes, stop, session }: AgentRoutesOptions): Route[] {
  return [
    { method: 'GET', path: /^\/v1\/agent$/, answer: async () => ({ json: await view() }) },
    { method: 'GET', path: /^\/v1\/nodes$/, answer: async ({ query }) => ({ json: await nodes(query.has('status')) }) },
    {
      method: 'POST',
      path: /^\/v1\/agent\/stop$/,
      async answer({ json }) {
        const asked = (await json()) as { now?: unknown } | null
        return { status: 202, json: {}, after: () => stop(asked?.now === true) }
      },
    },
    { method: 'GET', path: /^\/v1\/session$/, answer: () => ({ held: session }) },
  ]
}
