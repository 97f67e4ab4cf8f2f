/** The embedded broker as a process of its own, so that a test can kill it: `node broker.ts [PORT]` prints its URL and lives until its input ends. */
import { createEmbeddedBroker } from '../../src/core/wire/embedded.ts'

const broker = await createEmbeddedBroker({ host: '127.0.0.1', port: Number(process.argv[2] ?? 0) })
process.stdout.write(`${broker.url}\n`)
process.stdin.on('end', () => void broker.close().then(() => process.exit(0)))
process.stdin.resume()
