import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { authorizedKeys } from '../../../src/card/authorized-keys.ts'
import { commandLine } from '../../../src/card/command-line.ts'
import type { FirstBoot } from '../../../src/card/first-boot.ts'
import { makeHostKey } from '../../../src/card/host-key.ts'
import { imageIn, taken } from '../../../src/card/image.ts'
import { networkKey } from '../../../src/card/wifi.ts'
import { cardFiles, writeCard } from '../../../src/card/write.ts'
import { plainCard } from '../../../src/inventory/cards.ts'
import type { Card } from '../../../src/inventory/model.ts'
import { Secret } from '../../../src/inventory/secret.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'streamside-card-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINb7iSm anna'
const boot = (card: Partial<Card> = {}): FirstBoot => ({
  host: 'pi-attic',
  card: { ...plainCard('attic'), ...card },
  user: 'pi',
  keys: [key],
  hostKey: makeHostKey('root@attic'),
  instanceId: 'streamside-attic-1',
})
const read = (name: string) => readFileSync(path.join(folder, name), 'utf8')
const contentOf = (image: 'trixie' | 'bookworm', name: string, of: FirstBoot) =>
  cardFiles(image, of).find((file) => file.name === name)?.content ?? ''

describe("a kernel's command line", () => {
  const line = 'console=serial0,115200 console=tty1 root=PARTUUID=1-2 rootwait'

  test.each([
    ['firstrun', null, `${line} systemd.run=/boot/firmware/firstrun.sh`],
    ['firstrun', 'DE', 'systemd.unit=kernel-command-line.target cfg80211.ieee80211_regdom=DE'],
    ['cloud-init', 'DE', `${line} cfg80211.ieee80211_regdom=DE\n`],
    ['cloud-init', null, `${line}\n`],
  ] as const)('%s, country %s: %s', (kind, country, expected) => {
    expect(commandLine(`${line}\n`, kind, country)).toContain(expected)
  })

  test('says one thing once, whatever an earlier card has left', () => {
    const once = commandLine(line, 'firstrun', 'DE')
    expect(commandLine(once, 'firstrun', 'DE')).toBe(once)
    expect(commandLine(once, 'cloud-init', null)).toBe(`${line}\n`)
    expect(commandLine(`${line} ds=nocloud;i=rpi-imager-1 quiet`, 'cloud-init', null)).toBe(`${line} quiet\n`)
  })
})

describe('a Wi-Fi', () => {
  const wifi = (password: string | null, ssid = 'IEEE') => ({
    ssid,
    password: password === null ? null : new Secret('wifi', password),
    country: 'DE',
    hidden: false,
  })

  // IEEE Std 802.11-2020, J.4.2
  test('has the key of the standard', () => {
    expect(networkKey(wifi('password'))).toBe('f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e')
    expect(networkKey(wifi('ThisIsAPassword', 'ThisIsASSID'))).toBe(
      '0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af',
    )
    expect(networkKey(wifi('A'.repeat(64)))).toBe('a'.repeat(64))
    expect(networkKey(wifi(null))).toBeNull()
  })

  test.each(['short', 'x'.repeat(64)])('cannot have the password %s', (password) => {
    expect(() => networkKey(wifi(password))).toThrow(RangeError)
  })

  test('is not told by its password on either image', () => {
    const of = boot({ wifi: wifi('password') })
    for (const image of ['trixie', 'bookworm'] as const) {
      const all = cardFiles(image, of).map(({ content }) => content)
      expect(all.join('\n')).toContain('f42c6fc52df0ebef')
      expect(all.join('\n')).not.toMatch(/password: "?password|psk=password/)
    }
  })
})

describe('cloud-init', () => {
  test('gets text for what YAML would take for something else', () => {
    const user = parse(contentOf('trixie', 'user-data', boot({ hostname: '1e3' })), { version: '1.1' }) as Record<
      string,
      unknown
    >
    expect(user['hostname']).toBe('1e3')
    expect((user['ssh_keys'] as Record<string, string>)['ed25519_private']).toMatch(
      /^-----BEGIN OPENSSH PRIVATE KEY-----\n/,
    )
  })

  test('is told a fixed address of the wire', () => {
    const network = { address: '192.168.1.21/24', gateway: '192.168.1.1', dns: ['9.9.9.9'] }
    const told = parse(contentOf('trixie', 'network-config', boot({ network }))) as { network: { ethernets: object } }
    expect(told.network.ethernets).toMatchObject({
      eth0: { addresses: ['192.168.1.21/24'], nameservers: { addresses: ['9.9.9.9'] } },
    })
  })
})

describe('what lies on the card', () => {
  test('tells which image it is', () => {
    expect(imageIn(folder)).toBeNull()
    writeFileSync(path.join(folder, 'cmdline.txt'), 'console=tty1\n')
    expect(imageIn(folder)).toBe('bookworm')
    writeFileSync(path.join(folder, 'user-data'), '#cloud-config\n# hostname: raspberrypi\n')
    expect(imageIn(folder)).toBe('trixie')
  })

  test('is written over when it is the image’s own, or ours, and not when it is somebody else’s', () => {
    writeFileSync(path.join(folder, 'user-data'), '#cloud-config\n# hostname: raspberrypi\n')
    expect(taken(folder, ['user-data', 'meta-data'])).toBeNull()
    writeCard(folder, 'trixie', boot())
    writeCard(folder, 'bookworm', boot())
    expect(taken(folder, ['user-data', 'meta-data', 'network-config', 'firstrun.sh', 'userconf.txt', 'ssh'])).toBeNull()
    writeFileSync(path.join(folder, 'user-data'), '#cloud-config\nhostname: mine\n')
    expect(taken(folder, ['user-data', 'meta-data'])).toBe(path.join(folder, 'user-data'))
  })

  test('is for nobody else to read, where the file system knows of that', () => {
    const { files, missing } = writeCard(folder, 'bookworm', boot())
    expect(files).toEqual(['firstrun.sh', 'userconf.txt', 'ssh'])
    expect(missing).toContain('systemd.run=/boot/firmware/firstrun.sh')
    expect(statSync(path.join(folder, 'firstrun.sh')).mode & 0o777).toBe(0o600)
    expect(read('firstrun.sh')).toMatch(/^#!\/bin\/sh\n# Written by streamside card for pi-attic/)
  })

  test('holds hostile names as text', () => {
    const of = {
      ...boot({ wifi: { ssid: "'; rm -rf /", password: null, country: 'DE', hidden: true } }),
      keys: [`${key} '$(id)`],
    }
    const script = contentOf('bookworm', 'firstrun.sh', of)
    expect(script).toContain(`'${key} '\\''$(id)'`)
    expect(script).toContain(`ssid=${[...Buffer.from("'; rm -rf /")].join(';')};\n`)
  })
})

describe('who may log in', () => {
  test('is said by keys, and by files of keys', async () => {
    const file = path.join(folder, 'anna.pub')
    writeFileSync(file, `# mine\n${key}\n\n`)
    const other = 'ssh-rsa AAAAB3NzaC1yc2E= ben'
    expect(await authorizedKeys('pi-attic', [other, './anna.pub', file], folder)).toEqual([other, key])
  })

  test.each([
    ['-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n', 'is a private key'],
    ['hello\n', 'no public key'],
    ['', 'holds no key'],
    [null, 'ENOENT'],
  ])('is not said by %j', async (content, words) => {
    if (content !== null) writeFileSync(path.join(folder, 'id'), content)
    await expect(authorizedKeys('pi-attic', ['./id'], folder)).rejects.toMatchObject({
      code: 'card-keys',
      found: expect.stringContaining(words),
    })
  })
})
