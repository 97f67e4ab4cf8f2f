/** What clients ask of jobs. An id may be given by its beginning, as long as it names one job. */
import * as v from 'valibot'
import { cidsIn } from '../../src/core/cids.ts'
import type { JobView } from '../../src/core/client/api.ts'
import { IpdcError } from '../../src/core/errors.ts'
import type { Coordinator } from '../../src/core/job/coordinator.ts'
import { type NodeId, namePattern } from '../../src/core/kind.ts'
import type { Store } from '../../src/core/ports.ts'
import { pinOf } from '../jobs.ts'
import type { Route } from './server.ts'
import { uploadPin } from './store-routes.ts'

const name = v.pipe(v.string(), v.regex(namePattern))

const Submit = v.strictObject({
  kind: name,
  job: v.unknown(),
  label: v.exactOptional(v.pipe(name, v.maxLength(40))),
  nodes: v.exactOptional(v.pipe(v.number(), v.safeInteger(), v.minValue(1))),
})

export interface JobRoutesOptions {
  readonly coordinator: Coordinator
  readonly store: Store
  readonly self: NodeId
}

export function jobRoutes({ coordinator, store, self }: JobRoutesOptions): Route[] {
  const one = (begin = ''): JobView => {
    const exact = coordinator.view(begin)
    if (exact !== undefined) return exact
    const found = begin === '' ? [] : coordinator.views().filter(({ id }) => id.startsWith(begin))
    if (found[0] !== undefined && found.length === 1) return found[0]
    throw new IpdcError('NOT_FOUND', {
      message:
        found.length === 0
          ? `No job ${begin}`
          : `${found.length} jobs begin with ${begin}: ${found
              .slice(0, 3)
              .map(({ id }) => id)
              .join(', ')}`,
      hint: 'ipdc job list',
    })
  }

  return [
    {
      method: 'POST',
      path: /^\/v1\/jobs$/,
      async answer({ json }) {
        const asked = v.safeParse(Submit, await json())
        if (!asked.success) throw new IpdcError('BAD_DATA', { message: `Not a job: ${v.getDotPath(asked.issues[0]) ?? ''} ${asked.issues[0].message}` })
        const id = await coordinator.submit(asked.output)
        await holdInputs(id, asked.output.job)
        return { status: 201, json: { id } }
      },
    },
    { method: 'GET', path: /^\/v1\/jobs$/, answer: () => ({ json: coordinator.views() }) },
    { method: 'GET', path: /^\/v1\/jobs\/([^/]+)$/, answer: ({ params }) => ({ json: one(params[0]) }) },
    {
      method: 'GET',
      path: /^\/v1\/jobs\/([^/]+)\/events$/,
      answer: ({ params, query, signal }) => ({ lines: coordinator.follow(one(params[0]).id, { tasks: query.get('tasks') === '1', signal }) }),
    },
    {
      method: 'POST',
      path: /^\/v1\/jobs\/([^/]+)\/cancel$/,
      async answer({ params }) {
        const { id } = one(params[0])
        await coordinator.cancel(id)
        return { json: one(id) }
      },
    },
  ]

  /** The job's own pins take over from those of the upload. */
  async function holdInputs(id: string, job: unknown): Promise<void> {
    for (const cid of cidsIn(job)) {
      if (!(await store.has(cid))) continue
      await store.pin(cid, pinOf(id, self), { partial: true })
      await store.unpin(uploadPin, cid)
    }
  }
}
