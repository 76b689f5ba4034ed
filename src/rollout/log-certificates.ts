import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Inventory, LogCertificates } from '../inventory/model.ts'
import { Secret } from '../inventory/secret.ts'
import { exitCodes, Problem } from '../problem.ts'
import { refuseUnfit } from './fit-certificate.ts'
import { authorityFolder, type Identity, siteAuthority } from './site-authority.ts'

/**
 * What hosts prove themselves with to log servers, and those to them: the user's own certificates, or ones of an authority that is
 * made for the site.
 * @returns null without TLS; `made`: where an authority was made just now
 * @throws Problem `log-certificate` (a file of the user's is not there, or does not fit), `openssl`
 */
export async function logCertificates(
  inventory: Inventory,
): Promise<{ certificates: LogCertificates; made: string | null } | null> {
  const { logs, site, hosts } = inventory
  if (logs?.transport !== 'tls' || logs.servers.length === 0) return null
  const names = Object.keys(hosts)
  if (logs.tls !== null) {
    const { ca, folder } = logs.tls
    const authority = await readOwn(ca, 'the authority of the log servers')
    const identities = new Map<string, Identity>()
    if (folder !== null)
      for (const name of names) {
        const [certificateFile, keyFile] = [path.join(folder, `${name}.pem`), path.join(folder, `${name}.key`)]
        const certificate = await readOwn(certificateFile, `the certificate of ${name} for its logs`)
        const key = await readOwn(keyFile, `the key of ${name} for its logs`)
        refuseUnfit(
          {
            host: name,
            certificate: { file: certificateFile, text: certificate },
            key: { file: keyFile, text: key },
            authority: { file: ca, text: authority },
            isServer: logs.servers.some((server) => 'host' in server && server.host === name),
          },
          Date.now(),
        )
        identities.set(name, { certificate, key })
      }
    return { certificates: shaped(authority, identities), made: null }
  }
  const { authority, identities, made } = await siteAuthority(site, names)
  return { certificates: shaped(authority, identities), made: made ? authorityFolder(site) : null }
}

function shaped(authority: string, identities: Map<string, Identity>): LogCertificates {
  const hosts: LogCertificates['hosts'] = Object.create(null)
  for (const [name, { certificate, key }] of identities)
    hosts[name] = { certificate, key: new Secret(`log key of ${name}`, key) }
  return { authority, hosts }
}

async function readOwn(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new Problem({
      code: 'log-certificate',
      doing: `reading ${what}`,
      found: error instanceof Error ? error.message : String(error),
      next: 'logs: { tls: … } names a file ca:, and a folder certificates: with NAME.pem and NAME.key for each host',
      exit: exitCodes.usage,
      cause: error,
    })
  }
}
