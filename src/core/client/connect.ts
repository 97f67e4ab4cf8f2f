/** A running agent, found by its home. */
import { IpdcError } from '../errors.ts'
import type { AgentView } from './api.ts'
import { type Client, type ClientOptions, createClient, type Session } from './client.ts'
import { socketOf } from './home.ts'

export interface Connection {
  readonly client: Client
  /** Held open so that a throw-away domain stays as long as it is used: whoever connects closes it. */
  readonly session: Session
  readonly agent: AgentView
}

/** @throws NO_AGENT where none runs in this home; TIMEOUT where it does not answer; REFUSED where the socket is not the agent's of that home */
export async function connect(home: string, options: Pick<ClientOptions, 'answerMs'> = {}): Promise<Connection> {
  const client = createClient(socketOf(home), { ...options, home })
  const session = await client.session()
  try {
    const agent = await client.agent()
    // A name in the runtime folder is a hash of the home: somebody else may have taken it.
    if (!client.socket.startsWith(home) && agent.home !== home)
      throw new IpdcError('REFUSED', { message: `On ${client.socket} answers the agent of ${agent.home}, not of ${home}` })
    return { client, session, agent }
  } catch (error) {
    session.close()
    throw error
  }
}
