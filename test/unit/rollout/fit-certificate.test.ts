import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { refuseUnfit, type Shown } from '../../../src/rollout/fit-certificate.ts'
import { siteAuthority } from '../../../src/rollout/site-authority.ts'

let scratch: string
let shown: Shown
let stranger: Shown
const now = Date.now()

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'streamside-fit-'))
  const of = async (site: string): Promise<Shown> => {
    const { authority, identities } = await siteAuthority(site, ['pi-attic', 'pi-cellar'], path.join(scratch, site))
    const { certificate, key } = identities.get('pi-attic')!
    return {
      host: 'pi-attic',
      certificate: { file: 'pi-attic.pem', text: certificate },
      key: { file: 'pi-attic.key', text: key },
      authority: { file: 'ca.pem', text: authority },
      isServer: true,
    }
  }
  shown = await of('home')
  stranger = await of('other')
})
afterAll(() => rm(scratch, { recursive: true, force: true }))

const refused = (change: Partial<Shown>, at = now): string => {
  try {
    refuseUnfit({ ...shown, ...change }, at)
  } catch (error) {
    expect(error).toMatchObject({ code: 'log-certificate', exit: 2, host: change.host ?? 'pi-attic' })
    return (error as { found: string }).found
  }
  return ''
}

test('a certificate that fits is taken, also of an authority in a bundle', () => {
  expect(refused({})).toBe('')
  expect(refused({ authority: { file: 'ca.pem', text: `${stranger.authority.text}\n${shown.authority.text}` } })).toBe(
    '',
  )
})

test('one that rsyslog would complain of too late is refused, with what is wrong', () => {
  expect(refused({ key: stranger.key })).toBe('pi-attic.key is not the key of pi-attic.pem')
  expect(refused({ key: { file: 'pi-attic.key', text: 'x' } })).toContain('no private key')
  expect(refused({ certificate: { file: 'pi-attic.pem', text: 'x' } })).toContain('no certificate in PEM')
  expect(refused({ authority: stranger.authority })).toBe('pi-attic.pem is not from the authority in ca.pem')
  expect(refused({ authority: { file: 'ca.pem', text: '' } })).toContain('ca.pem holds no certificate')
  expect(refused({}, now + 20 * 365 * 86_400_000)).toMatch(/^pi-attic\.pem ended on /)
})

test('the name counts where others look for it: on a server', () => {
  expect(refused({ host: 'pi-cellar' })).toMatch(/does not bear the name pi-cellar \(it has DNS:pi-attic\)/)
  expect(refused({ host: 'pi-cellar', isServer: false })).toBe('')
})
