import { execFile } from 'node:child_process'
import { randomUUID, X509Certificate } from 'node:crypto'
import { access, chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { exitCodes, Problem } from '../problem.ts'

const authorityDays = 3650
const hostDays = 1825
/** A certificate is made anew when it has fewer days left: time for a provision that comes by now and then. */
const leastDays = 180

/** What a host shows, and by what others know it. */
export interface Identity {
  /** PEM. */
  certificate: string
  /** PEM; a secret. */
  key: string
}

/** Where the authority of a site lives on the operator's machine: beside no inventory, so that no key ends up in git. */
export function authorityFolder(site: string, environment: NodeJS.ProcessEnv = process.env): string {
  const state = environment['XDG_STATE_HOME'] || path.join(homedir(), '.local', 'state')
  return path.join(state, 'streamside', 'authorities', site)
}

/**
 * The site's own certificate authority for its logs, and a certificate for each host; what is missing, or ends soon, is made with
 * the `openssl` of this machine. Keys lie in files of 0600 in a folder of 0700, and are in no argument list.
 * @returns PEM of the authority, identities by host, and whether the authority was made just now
 * @throws Problem `openssl` when there is none, or it refuses
 */
export async function siteAuthority(
  site: string,
  hosts: string[],
  folder: string = authorityFolder(site),
): Promise<{ authority: string; identities: Map<string, Identity>; made: boolean }> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const made = !(await isThere(path.join(folder, 'ca.pem')))
  if (made) await inPlace(folder, 'ca', (work) => makeAuthority(work, site))
  const authority = await readFile(path.join(folder, 'ca.pem'), 'utf8')
  const identities = new Map<string, Identity>()
  for (const host of hosts) {
    const name = `host-${host}`
    if (!(await isGood(path.join(folder, `${name}.pem`), authority)))
      await inPlace(folder, name, (work) => makeHost(work, folder, host))
    identities.set(host, {
      certificate: await readFile(path.join(folder, `${name}.pem`), 'utf8'),
      key: await readFile(path.join(folder, `${name}.key`), 'utf8'),
    })
  }
  return { authority, identities, made }
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}

/** Of this authority, and not about to end. */
async function isGood(file: string, authority: string): Promise<boolean> {
  if (!(await isThere(file))) return false
  const certificate = new X509Certificate(await readFile(file))
  const left = certificate.validToDate.getTime() - Date.now()
  return left > leastDays * 86_400_000 && certificate.verify(new X509Certificate(authority).publicKey)
}

/** Key and certificate are made in a folder of their own; the key is put in place first, for a certificate alone counts as there. */
async function inPlace(folder: string, name: string, make: (work: string) => Promise<void>): Promise<void> {
  const work = await mkdtemp(path.join(folder, '.making-'))
  try {
    await make(work)
    await chmod(path.join(work, 'key'), 0o600)
    await rename(path.join(work, 'key'), path.join(folder, `${name}.key`))
    await rename(path.join(work, 'pem'), path.join(folder, `${name}.pem`))
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function makeAuthority(work: string, site: string): Promise<void> {
  const config = await configuration(work, `streamside logs of ${site}`, [
    'basicConstraints = critical, CA:TRUE, pathlen:0',
    'keyUsage = critical, keyCertSign, cRLSign',
    'subjectKeyIdentifier = hash',
  ])
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'key']
  await openssl(work, ['req', '-x509', ...key, '-out', 'pem', '-days', String(authorityDays), '-config', config])
}

async function makeHost(work: string, folder: string, host: string): Promise<void> {
  const config = await configuration(work, host, [
    'basicConstraints = critical, CA:FALSE',
    'keyUsage = critical, digitalSignature',
    // a log server is a client of the others
    'extendedKeyUsage = serverAuth, clientAuth',
    `subjectAltName = DNS:${host}`,
  ])
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'key']
  await openssl(work, ['req', '-new', ...key, '-out', 'request', '-config', config])
  const authority = ['-CA', path.join(folder, 'ca.pem'), '-CAkey', path.join(folder, 'ca.key')]
  const serial = ['-set_serial', `0x${randomUUID().replaceAll('-', '')}`]
  const what = ['-days', String(hostDays), '-sha256', '-extfile', config, '-extensions', 'ours']
  await openssl(work, ['x509', '-req', '-in', 'request', ...authority, ...serial, ...what, '-out', 'pem'])
}

/** A configuration of its own: what the machine's openssl.cnf adds by itself differs from system to system. */
async function configuration(work: string, name: string, extensions: string[]): Promise<string> {
  const file = path.join(work, 'config')
  const text = [
    '[req]',
    'prompt = no',
    'distinguished_name = name',
    'x509_extensions = ours',
    '[name]',
    `CN = ${name}`,
    '[ours]',
  ]
  await writeFile(file, [...text, ...extensions, ''].join('\n'))
  return file
}

async function openssl(cwd: string, argv: string[]): Promise<void> {
  try {
    await promisify(execFile)('openssl', argv, { cwd, timeout: 30_000 })
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error)
    throw new Problem({
      code: 'openssl',
      doing: 'making the certificates of the log servers and their clients',
      found: missing
        ? 'this machine has no openssl'
        : `openssl ${argv[0]} said: ${said.split('\n').slice(-3).join('; ')}`,
      next: 'install openssl here, or name an authority of your own:  logs: { tls: { ca: …, certificates: … } }',
      exit: exitCodes.usage,
      cause: error,
    })
  }
}
