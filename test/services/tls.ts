/** An authority of its own and a certificate that it gave, made by openssl for one test. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'

export interface Tls {
  /** PEM files. */
  readonly ca: string
  readonly cert: string
  readonly key: string
}

const run = promisify(execFile)
const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** @param program path of openssl: `needs(t, 'openssl')` of test/services.ts */
export async function makeTls(t: Test, program: string, names = 'IP:127.0.0.1,DNS:localhost'): Promise<Tls> {
  const dir = await mkdtemp(join(tmpdir(), 'ipdc-tls-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const at = (name: string) => join(dir, name)
  const openssl = (...args: string[]) => run(program, args, { cwd: dir, env: { PATH: process.env.PATH, OPENSSL_CONF: '/dev/null' } })
  await writeFile(at('names'), `subjectAltName=${names}\nbasicConstraints=CA:FALSE\n`)
  await writeFile(at('conf'), '[req]\ndistinguished_name=dn\nx509_extensions=ca\n[dn]\n[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n')
  await openssl('req', '-x509', '-config', at('conf'), ...ec, '-keyout', at('ca.key'), '-out', at('ca.pem'), '-days', '2', '-subj', '/CN=ipdc test authority')
  await openssl('req', '-new', '-config', at('conf'), ...ec, '-keyout', at('key.pem'), '-out', at('request'), '-subj', '/CN=localhost')
  const signed = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2', '-extfile', at('names')]
  await openssl('x509', '-req', '-in', at('request'), ...signed, '-out', at('cert.pem'))
  return { ca: at('ca.pem'), cert: at('cert.pem'), key: at('key.pem') }
}
