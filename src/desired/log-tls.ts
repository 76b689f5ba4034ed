import type { Host, Logs } from '../inventory/model.ts'
import type { FileResource } from './resources.ts'

const folder = '/etc/rsyslog.d/streamside'

/** Files by which a host proves itself, or the others are proven to it. */
export const tlsFiles = { ca: `${folder}/ca.pem`, certificate: `${folder}/host.pem`, key: `${folder}/host.key` }

/** Whether a host has a certificate to show. Without one it is a client that nobody asks who it is. */
export function showsCertificate({ certificates }: Logs, host: Host): boolean {
  return certificates?.hosts[host.name] !== undefined
}

/** Authority, certificate and key of a host; none without TLS. */
export function tlsResources({ transport, certificates }: Logs, host: Host): FileResource[] {
  if (transport !== 'tls') return []
  if (!certificates) throw new Error('the certificates of the logs were not read')
  const file = { kind: 'file', owner: 'root', group: 'root', validate: 'rsyslog' } as const
  const own = certificates.hosts[host.name]
  return [
    { ...file, path: tlsFiles.ca, mode: '0644', content: certificates.authority },
    ...(own === undefined
      ? []
      : [
          { ...file, path: tlsFiles.certificate, mode: '0644', content: own.certificate },
          { ...file, path: tlsFiles.key, mode: '0600', content: own.key.reveal(), secrets: [own.key], opaque: true },
        ]),
  ]
}
