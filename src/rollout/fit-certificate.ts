import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { exitCodes, Problem } from '../problem.ts'

/** A host's certificate and key as the user has them, and what they are to be good for. */
export interface Shown {
  /** The host's name in the inventory. */
  host: string
  certificate: { file: string; text: string }
  key: { file: string; text: string }
  authority: { file: string; text: string }
  /** Others look for the host's name in it. */
  isServer: boolean
}

const begin = '-----BEGIN CERTIFICATE-----'

/**
 * Refuses a certificate that rsyslog would only complain of when it is too late: its lines would wait in their queue until that is full, and
 * no check of its configuration looks into these files.
 * @param now milliseconds since the epoch
 * @throws Problem `log-certificate` (exit 2)
 */
export function refuseUnfit(shown: Shown, now: number): void {
  const { host, certificate, key, authority, isServer } = shown
  const unfit = (found: string, next: string): Problem =>
    new Problem({
      code: 'log-certificate',
      doing: `looking at the certificate of ${host} for its logs`,
      found,
      next: `${next}; then run this again`,
      host,
      exit: exitCodes.usage,
    })
  const shownFirst = parsed(() => new X509Certificate(certificate.text))
  if (!shownFirst)
    throw unfit(`${certificate.file} holds no certificate in PEM`, `put the certificate of ${host} there`)
  const own = parsed((): KeyObject => createPrivateKey(key.text))
  if (!own)
    throw unfit(
      `${key.file} holds no private key in PEM that can be read without a password`,
      `put the key of ${certificate.file} there`,
    )
  if (!shownFirst.checkPrivateKey(own))
    throw unfit(`${key.file} is not the key of ${certificate.file}`, 'put together what belongs together')
  const end = Date.parse(shownFirst.validTo)
  if (end < now) throw unfit(`${certificate.file} ended on ${shownFirst.validTo}`, 'have a new one made')
  if (isServer && shownFirst.checkHost(host, { subject: 'never' }) === undefined)
    throw unfit(
      `${certificate.file} does not bear the name ${host} (it has ${shownFirst.subjectAltName ?? 'none'}), and clients of this log server look for that`,
      `have one made with DNS:${host}`,
    )
  // With more than one in the file there are others between them; who trusts whom there is OpenSSL's to find out.
  if (certificate.text.split(begin).length > 2) return
  const above = certificatesOf(authority.text)
  if (above.length === 0) throw unfit(`${authority.file} holds no certificate in PEM`, 'put the authority there')
  if (!above.some((each) => shownFirst.checkIssued(each) && shownFirst.verify(each.publicKey)))
    throw unfit(`${certificate.file} is not from the authority in ${authority.file}`, 'have one made by that authority')
}

function certificatesOf(text: string): X509Certificate[] {
  return text
    .split(begin)
    .slice(1)
    .flatMap((part) => parsed(() => new X509Certificate(begin + part)) ?? [])
}

function parsed<T>(parse: () => T): T | null {
  try {
    return parse()
  } catch {
    return null
  }
}
