import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'

export interface Authority {
  /** PEM file of the authority itself: what `ca:` of a replica names. */
  certificate: string
  serverKey: string
  serverCertificate: string
}

/** A certificate authority of one's own, as made with two commands for a NAS, and a server's certificate for a subject (`IP:10.0.0.1`, `DNS:nas.lan`). */
export async function makeAuthority(folder: string, name: string, subject: string): Promise<Authority> {
  const file = (suffix: string): string => path.join(folder, `${name}-${suffix}`)
  const openssl = (...args: string[]) => promisify(execFile)('openssl', args)
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout']
  const signed = [
    '-CA',
    file('ca.pem'),
    '-CAkey',
    file('ca.key'),
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    file('names'),
  ]
  await openssl('req', '-x509', ...fresh, file('ca.key'), '-days', '2', '-subj', `/CN=${name}`, '-out', file('ca.pem'))
  await openssl('req', '-new', ...fresh, file('server.key'), '-subj', '/CN=nas', '-out', file('server.csr'))
  await writeFile(file('names'), `subjectAltName=${subject}\n`)
  await openssl('x509', '-req', '-in', file('server.csr'), ...signed, '-out', file('server.pem'))
  return { certificate: file('ca.pem'), serverKey: file('server.key'), serverCertificate: file('server.pem') }
}
