import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cutPower, deleteObjects, type LabHost, putFile, runInHost, shellInHost, wipe } from '../lab/index.ts'
import { proven } from './directory-site.ts'
import { type Gated, gated, readOwner, rowsOnceUp, writeUploaded } from './gated.ts'
import { notesApp, type Run, type Site, site } from './site.ts'

// `streamside card`: what it writes is applied by the real thing: cloud-init on Debian 13, firstrun.sh as root on Debian 12.
const old = 'card-old'
const fresh = 'card-fresh'
const apps = { 'card-notes': notesApp(old, 8541) }
let lab: Site
let notes: Gated
let folder: string

const said = (run: Run) => run.stdout + run.stderr
const wifi = { ssid: 'Caf"é; x', password: '!secret wifi', country: 'DE' }
const hosts = {
  [old]: { card: { hostname: 'cellar', timezone: 'Europe/Berlin', 'authorized-keys': ['./id_ed25519.pub'] } },
  [fresh]: {
    card: {
      hostname: 'attic',
      'authorized-keys': ['./id_ed25519.pub'],
      wifi,
      network: { address: '192.0.2.7/24', gateway: '192.0.2.1' },
    },
  },
}

async function cardOf(name: string, ...more: string[]): Promise<{ files: string; run: Run }> {
  const files = path.join(folder, name)
  await mkdir(files, { recursive: true })
  return { files, run: await lab.run(['card', name, '--to', files, ...more]) }
}

/** As a card that is put into the machine: the files come from outside. */
async function carry(host: LabHost, files: string, names: string[], to: string): Promise<void> {
  for (const name of names) await putFile(host, `${to}/${name}`, await readFile(path.join(files, name), 'utf8'))
}

const address = (host: LabHost, file: string) => shellInHost(host, 'cat "$1"', [file])

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'streamside-card-'))
  const parts = { apps, hosts, secrets: { wifi: { command: ['echo', "my pass'word"] } } }
  lab = await site('card', [{ name: old }, { name: fresh, suite: 'trixie' }], parts)
  notes = gated(lab, 'card', apps, 'card-notes')
  await lab.provision(['--limit', old])
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

describe('Debian 12', () => {
  test('a host whose card has died comes back with one restore, and nobody is asked about its key', async () => {
    await writeUploaded(notes, 'first')
    await proven(notes)
    await cutPower(notes.host)
    // nobody has shown themselves under its path for long
    await deleteObjects(lab.lab.instance, `${notes.prefix}${(await readOwner(notes)).path}/tip.json`)
    const host = await wipe(notes.host)
    notes = { ...notes, host }
    await mkdir(path.join(folder, old), { recursive: true })
    await writeFile(path.join(folder, old, 'cmdline.txt'), 'console=tty1 root=PARTUUID=1-2 rootwait\n')
    const { files, run } = await cardOf(old)
    expect(run.code, said(run)).toBe(0)
    const before = await lab.run(['card', '--check', old, '--wait', '2s'])
    expect([before.code, said(before)]).toEqual([3, expect.stringContaining('host-key-changed')])

    await carry(host, files, ['firstrun.sh', 'userconf.txt', 'ssh', 'cmdline.txt'], '/boot/firmware')
    const kernel = await address(host, '/boot/firmware/cmdline.txt')
    const [, program = ''] = /systemd\.run=(\S+)/.exec(kernel) ?? []
    expect(kernel).toContain('systemd.unit=kernel-command-line.target')
    await runInHost(host, ['sh', program])
    await runInHost(host, ['systemctl', 'restart', 'ssh'])
    expect(await address(host, '/boot/firmware/cmdline.txt')).toBe('console=tty1 root=PARTUUID=1-2 rootwait\n')
    expect(await shellInHost(host, 'ls /boot/firmware')).not.toContain('firstrun.sh')
    expect((await address(host, '/etc/hostname')).trim()).toBe('cellar')
    expect(await shellInHost(host, 'readlink /etc/localtime')).toContain('Europe/Berlin')

    const check = await lab.run(['card', '--check', old, '--wait', '60s'])
    expect(check.code, said(check)).toBe(0)
    const restored = await lab.run(['restore', old, '--yes', '--json'])
    expect(restored.code, said(restored)).toBe(0)
    expect(await rowsOnceUp(notes)).toEqual(['first'])
    expect((await readOwner(notes)).epoch).toBe(2)
  })
})

describe('Debian 13', () => {
  let host: LabHost
  let files: string

  beforeAll(async () => {
    host = lab.host(fresh)
    const made = await cardOf(fresh, '--image', 'trixie')
    expect(made.run.code, said(made.run)).toBe(0)
    expect(said(made.run)).toContain('cfg80211.ieee80211_regdom=DE')
    files = made.files
    await carry(host, files, ['user-data', 'meta-data', 'network-config'], '/var/lib/cloud/seed/nocloud')
    await shellInHost(
      host,
      'apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends cloud-init netplan.io >/dev/null',
      [],
      { deadlineSeconds: 300 },
    )
  })

  test('cloud-init finds nothing to complain of, and netplan makes the Wi-Fi and the address of it', async () => {
    const seed = '/var/lib/cloud/seed/nocloud'
    expect(await shellInHost(host, `cloud-init schema -c ${seed}/user-data 2>&1`)).toContain('Valid schema')
    expect(await shellInHost(host, `cloud-init schema -t network-config -c ${seed}/network-config 2>&1`)).toContain(
      'Valid schema',
    )
    const made = await shellInHost(
      host,
      `mkdir -p /root/np/etc/netplan && cp ${seed}/network-config /root/np/etc/netplan/50.yaml && chmod 600 /root/np/etc/netplan/50.yaml &&
       netplan generate --root-dir /root/np && cat /root/np/run/netplan/* /root/np/run/systemd/network/*`,
    )
    expect(made).toContain('ssid=P"Caf\\"é; x"')
    expect(made).toContain('country=DE')
    expect(made).toContain('Address=192.0.2.7/24')
    // what its password comes to, and not the password
    expect(made).toMatch(/psk=[0-9a-f]{64}\n/)
    expect(made).not.toContain('pass')
  })

  test('cloud-init makes the user, the name and the key, and the host is known before it has spoken', async () => {
    // its network is the lab's
    await putFile(host, '/etc/cloud/cloud.cfg.d/99-network.cfg', 'network: { config: disabled }\n')
    for (const stage of ['init --local', 'init', 'modules --mode config', 'modules --mode final'])
      await shellInHost(host, `cloud-init ${stage}`, [], { deadlineSeconds: 120 })
    expect((await address(host, '/etc/hostname')).trim()).toBe('attic')
    const check = await lab.run(['card', '--check', fresh, '--wait', '60s'])
    expect(check.code, said(check)).toBe(0)
    // logs in with the key, and sudo asks nothing
    const run = await lab.run(['provision', '--limit', fresh, '--json'])
    expect(run.code, said(run)).toBe(0)
  })
})
