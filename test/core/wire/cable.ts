/** A cable between a client and a broker that a test can cut, or leave plugged in and dead. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

export interface Cable {
  readonly url: string
  /** Both ends see the connection end. New ones are let through. */
  cut(): void
  /** Nothing goes through any more, and nobody is told. */
  freeze(): void
}

export async function createCable(t: Test, target: string): Promise<Cable> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let isFrozen = false
  const join = (from: Socket, to: Socket): void => {
    sockets.add(from)
    from.on('data', (bytes) => to.write(bytes))
    from.on('error', () => {})
    from.on('close', () => {
      sockets.delete(from)
      if (!isFrozen) to.destroy()
    })
  }
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host: hostname, port: Number(port), noDelay: true })
    join(near, far)
    join(far, near)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  t.teardown(() => {
    cut()
    server.close()
  })
  return {
    url: `mqtt://127.0.0.1:${address.port}`,
    cut,
    freeze() {
      isFrozen = true
      for (const socket of sockets) socket.pause()
    },
  }
}
