/**
 * What all commands have in common. stdout is data, stderr is talk. `--json` makes the data one JSON value, the talk silent and
 * an error one line of JSON on stderr: so stdout is either the answer or nothing, and what a program reads from stderr parses.
 */
import { Command } from '@oclif/core/command'
import { boolean } from '@oclif/core/flags'
import type { JobEvent, JobView } from '../core/client/api.ts'
import type { ClientOptions } from '../core/client/client.ts'
import type { Connection } from '../core/client/connect.ts'
import { homeOf } from '../core/client/home.ts'
import type { LaunchOptions } from '../core/client/launch.ts'
import { codeOf } from '../core/errors.ts'
import { exitOf, failureJson, failureText, fromOclif } from './base/failure.ts'
import { createProgress, noProgress, type Progress } from './base/progress.ts'
import { type Screen, screenOf } from './base/screen.ts'
import { namesOf } from './base/stages.ts'

export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true
  static override baseFlags = {
    json: boolean({ description: 'print the result as one JSON value, an error as one line of JSON on standard error', helpGroup: 'GLOBAL' }),
  }

  /** Where data goes. */
  protected readonly out: Screen = screenOf(process.stdout)
  /** Where talk goes. */
  protected readonly err: Screen = screenOf(process.stderr)
  readonly #connections = new Set<Connection>()

  protected get home(): string {
    return homeOf()
  }

  /** Data, for people. */
  protected print(text: string): void {
    if (!this.jsonEnabled()) this.out.write(`${text}\n`)
  }

  /** Talk. */
  protected say(text: string): void {
    if (!this.jsonEnabled()) this.err.write(`${text}\n`)
  }

  protected warning(text: string): void {
    this.say(`${this.err.paint.yellow('Warning')} ${text}`)
  }

  /** The agent that runs in the home. @throws NO_AGENT, TIMEOUT */
  protected async connect(options: Pick<ClientOptions, 'answerMs'> = {}): Promise<Connection> {
    const { connect } = await import('../core/client/connect.ts')
    return this.keep(await connect(this.home, options))
  }

  /** The agent that runs in the home, else a new one that ends when nobody needs it any more. */
  protected async reach(options: Omit<LaunchOptions, 'home'> = {}): Promise<Connection> {
    try {
      return await this.connect()
    } catch (error) {
      if (codeOf(error) !== 'NO_AGENT') throw error
    }
    const nodes = 1 + (options.companions ?? 0)
    this.say(
      nodes === 1 ? 'No agent runs here: starting one for this command.' : `No agent runs here: starting ${nodes} nodes for this job. To keep them: ipdc dev`,
    )
    const { reach } = await import('../core/client/launch.ts')
    return this.keep(await reach({ home: this.home, until: 'idle', ...options }))
  }

  /** Its session ends with the command. */
  protected keep<C extends Connection>(connection: C): C {
    this.#connections.add(connection)
    return connection
  }

  /** Shows a job until it is closed. @throws what it ended with */
  protected async follow(connection: Connection, id: string, each?: (event: JobEvent) => void): Promise<JobView> {
    const { follow } = await import('./base/follow.ts')
    const progress = await this.progress(connection)
    return follow({ client: connection.client, id, progress, each, question: this.#question(connection, id) })
  }

  /** Shows where a job is. */
  protected async progress({ client }: Connection): Promise<Progress> {
    return this.jsonEnabled() ? noProgress : createProgress(this.err, namesOf(await client.nodes()))
  }

  /** Only a throw-away domain asks: any other goes on after the terminal is closed, as everybody expects of it. */
  #question({ agent }: Connection, id: string): string | undefined {
    const canAnswer = process.stdin.isTTY && this.err.live && !this.jsonEnabled()
    return agent.domain.throwAway && canAnswer ? `Cancel ${id}? y cancels it, Enter leaves it running in the background: ` : undefined
  }

  override logJson(json: unknown): void {
    this.out.write(`${JSON.stringify(json, null, this.out.live ? 2 : undefined)}\n`)
  }

  override async catch(thrown: Error): Promise<void> {
    const error = fromOclif(thrown, `${this.config.bin} ${this.id?.replaceAll(':', ' ')}`, [...Object.keys(this.ctor.flags ?? {}), 'json', 'help'])
    process.exitCode = exitOf(error)
    this.err.write(this.jsonEnabled() ? `${JSON.stringify(failureJson(error))}\n` : `${failureText(error, this.err.paint)}\n`)
    if (codeOf(error) === undefined && process.env.DEBUG) this.err.write(`${thrown.stack}\n`)
  }

  override async finally(): Promise<void> {
    for (const { session } of this.#connections) session.close()
  }
}
