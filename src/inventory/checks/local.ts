import { X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isWithin, onOperator } from '../paths.ts'
import { isDirectory } from '../entries.ts'
import { mistake, type Reading, warning } from '../reading.ts'
import { releaseSources } from '../release-sources.ts'

type Kind = 'file' | 'folder' | 'either'

/** Files and folders of the operator's machine that the inventory names: they exist and are what they should be. */
export async function checkLocalFiles(reading: Reading): Promise<void> {
  const { apps, replicas, top } = reading.entries
  const look = async (path: string, at: readonly PropertyKey[], kind: Kind) => {
    const wrong = await wrongFile(onOperator(reading.folder, path), kind)
    if (wrong !== null) mistake(reading, at, wrong)
    return wrong === null
  }
  if (top.ssh?.config !== undefined) await look(top.ssh.config, ['ssh', 'config'], 'file')
  if (top.ssh?.['known-hosts'] !== undefined) {
    const folder = dirname(onOperator(reading.folder, top.ssh['known-hosts']))
    if ((await wrongFile(folder, 'folder')) !== null)
      mistake(reading, ['ssh', 'known-hosts'], `the folder ${folder} does not exist, so no key can be written there`)
  }
  const from = top.litestream?.from
  if (from !== undefined && !/^https?:\/\//.test(from)) {
    if (/^[a-z]+:\/\//i.test(from)) mistake(reading, ['litestream', 'from'], 'not an http(s) URL, nor a directory')
    else await look(from, ['litestream', 'from'], 'folder')
  }
  for (const [name, replica] of replicas)
    if (!isDirectory(replica) && replica.ca !== undefined && (await look(replica.ca, ['replicas', name, 'ca'], 'file')))
      await checkCertificate(reading, onOperator(reading.folder, replica.ca), ['replicas', name, 'ca'])
  for (const [name, app] of apps) {
    for (const { source, at } of releaseSources(app.release?.from, ['apps', name, 'release', 'from'])) {
      if (typeof source !== 'string' && 'url' in source) continue
      const [path, place] = typeof source === 'string' ? [source, at] : [source.path, [...at, 'path']]
      const there = await look(path, place, 'either')
      // Whatever lies in the folder goes to the hosts, where the app can read it: secrets.yaml too.
      if (there && isWithin(reading.folder, onOperator(reading.folder, path)))
        mistake(reading, place, 'holds the inventory itself, with its secrets', 'give the release a folder of its own')
    }
    if (app.service?.from !== undefined) await look(app.service.from, ['apps', name, 'service', 'from'], 'file')
    for (const [path, file] of Object.entries(app.files ?? {}))
      await look(file.from, ['apps', name, 'files', path, 'from'], 'file')
  }
}

async function wrongFile(path: string, kind: Kind): Promise<string | null> {
  try {
    const found = await stat(path)
    if (kind === 'file' && !found.isFile()) return 'is not a file'
    if (kind === 'folder' && !found.isDirectory()) return 'is not a folder'
    if (!found.isFile() && !found.isDirectory()) return 'is neither a file nor a folder'
    return null
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such file on this machine'
    return `cannot be looked at (${code})`
  }
}

async function checkCertificate(reading: Reading, path: string, at: readonly PropertyKey[]): Promise<void> {
  let pem: string
  try {
    pem = await readFile(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    mistake(reading, at, `cannot be read (${code})`)
    return
  }
  if (/PRIVATE KEY-----/.test(pem)) {
    mistake(reading, at, 'holds a private key, which would be copied to the hosts', 'keep the certificates only')
    return
  }
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) {
    mistake(reading, at, 'holds no certificate in PEM form', 'a PEM file begins with -----BEGIN CERTIFICATE-----')
    return
  }
  for (const block of blocks) {
    let certificate: X509Certificate
    try {
      certificate = new X509Certificate(block)
    } catch {
      mistake(reading, at, 'holds a certificate that cannot be read')
      return
    }
    if (certificate.validToDate.getTime() < Date.now())
      warning(reading, at, `a certificate in it expired on ${certificate.validTo}`)
  }
}
