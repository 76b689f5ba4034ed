import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { gateConfig, gateResources } from '../../../src/desired/gate.ts'
import { litestreamResources } from '../../../src/desired/litestream.ts'
import type { FileResource, Resource } from '../../../src/desired/resources.ts'
import type { FileReplica, MountSource } from '../../../src/inventory/model.ts'
import { inventoryOf } from '../inventory/made.ts'

// What a host gets for a replica in a directory. That nfs:// is mounted is not tried anywhere: the lab's kernel has no NFS client.

function resourcesOf(mount: MountSource | null, prefix = ''): Resource[] {
  const replica: FileReplica = {
    name: 'share',
    type: 'file',
    path: '/mnt/back-up',
    prefix,
    mount,
    ownership: 'conditional',
  }
  const { inventory, app } = inventoryOf(replica)
  const host = inventory.hosts['pi-attic']!
  const litestream = { version: '0.5.17', binary: '/b', sha256: 'a'.repeat(64) }
  const account = { user: 'gotify', group: 'gotify' }
  return [
    ...litestreamResources({ inventory, app, host, litestream, account, metricsPort: 9100 }),
    ...gateResources({ inventory, app, host, user: 'gotify', litestream }),
  ]
}
const fileOf = (resources: Resource[], name: string): string => {
  const found = resources.find((each): each is FileResource => each.kind === 'file' && each.path.endsWith(name))
  return String(found?.content)
}
const unit = String.raw`mnt-back\x2dup.mount`
const nfs: MountSource = { kind: 'nfs', share: 'nas:/volume1/sqlite' }
const disk: MountSource = { kind: 'device', device: '/dev/disk/by-label/backup' }

describe('a replica in a directory', () => {
  test.each([
    [
      'an NFS share',
      nfs,
      [
        'What=nas:/volume1/sqlite',
        'Type=nfs',
        /Options=.*\bhard\b.*lookupcache=positive/,
        'WantedBy=multi-user.target',
      ],
    ],
    [
      'a disk by its label',
      disk,
      ['What=/dev/disk/by-label/backup', String.raw`WantedBy=multi-user.target dev-disk-by\x2dlabel-backup.device`],
    ],
    [
      'a disk whose label has a blank, as udev links it',
      { kind: 'device', device: String.raw`/dev/disk/by-label/My\x20Passport` },
      [
        String.raw`What=/dev/disk/by-label/My\x20Passport`,
        String.raw`WantedBy=multi-user.target dev-disk-by\x2dlabel-My\x5cx20Passport.device`,
      ],
    ],
    ['an NFS share with a blank', { kind: 'nfs', share: 'nas:/volume 1/my (data)' }, ['What=nas:/volume 1/my (data)']],
  ] as const)('that is %s has a mount unit that systemd takes', (_, mount, lines) => {
    const resources = resourcesOf(mount)
    const content = fileOf(resources, unit)
    for (const line of [...lines, 'Where=/mnt/back-up', /Options=nofail,nosuid,nodev,noexec,noatime/])
      expect(content).toMatch(line)
    expect(resources).toContainEqual(expect.objectContaining({ kind: 'unit', name: unit, enabled: true, active: true }))
    expect(resources.some((each) => each.kind === 'package' && each.name === 'nfs-common')).toBe(mount.kind === 'nfs')
    expect(resources).toContainEqual(
      expect.objectContaining({ kind: 'directory', path: '/mnt/back-up', mode: '0000', owner: 'root', onlyMade: true }),
    )

    const folder = mkdtempSync(path.join(tmpdir(), 'streamside-mount-'))
    writeFileSync(path.join(folder, unit), content)
    const said = spawnSync('systemd-analyze', ['verify', '--man=no', path.join(folder, unit)], { encoding: 'utf8' })
    rmSync(folder, { recursive: true })
    // it exits 0 for keys that it ignores, and says so
    expect([said.status, said.stderr]).toEqual([0, ''])
  })

  test('that somebody else mounts has none, and nothing is made in its place', () => {
    const resources = resourcesOf(null)
    expect(resources.filter((each) => 'path' in each && each.path.includes('mnt'))).toEqual([])
    expect(resources.filter((each) => each.kind === 'unit').map(({ name }) => name)).not.toContain(unit)
  })

  test('that somebody else mounts is never named to systemd, which cannot look at what is closed to root', () => {
    const resources = resourcesOf(null)
    for (const name of ['gotify-litestream.service', 'gotify-gate.service', 'gotify-check.service'])
      expect(fileOf(resources, name)).toMatch(/^ReadWritePaths=.*-"\/mnt"$/m)
  })

  test('is required by Litestream alone; the gate waits for it, and may write to it', () => {
    const resources = resourcesOf(disk)
    const [litestream, gate, check] = ['gotify-litestream.service', 'gotify-gate.service', 'gotify-check.service'].map(
      (name) => fileOf(resources, name),
    )
    expect(litestream).toMatch(/^RequiresMountsFor="\/mnt\/back-up"$/m)
    for (const text of [gate, check]) expect(text).not.toMatch(/RequiresMountsFor=.*mnt/)
    expect(gate).toContain(String.raw`After=mnt-back\x2dup.mount`)
    for (const text of [litestream, gate, check]) expect(text).toMatch(/^ReadWritePaths=.*-"\/mnt\/back-up"$/m)
  })

  test('has no keys, and Litestream’s files below the app’s folder', () => {
    const resources = resourcesOf(disk, 'home')
    expect(fileOf(resources, 'litestream.yml')).toMatch(
      /type: file\n\s+path: "\/mnt\/back-up\/home\/gotify\/e0000-00000000\/main"\n\s+sync-interval/,
    )
    expect(fileOf(resources, 'litestream.env')).toBe('')
    expect(resources.some((each) => 'path' in each && each.path.endsWith('owner.curl'))).toBe(false)
  })

  test('is what the gate is told of', () => {
    const replica: FileReplica = {
      name: 'share',
      type: 'file',
      path: '/mnt/nas',
      prefix: 'home',
      mount: null,
      ownership: 'conditional',
    }
    const { inventory, app } = inventoryOf(replica)
    const config = gateConfig({
      inventory,
      app,
      host: inventory.hosts['pi-attic']!,
      user: 'gotify',
      litestream: { version: '0.5.17' },
    })
    expect(config).toMatchObject({
      where: 'replica share (/mnt/nas)',
      ownership: { mode: 'directory', root: '/mnt/nas', url: '/mnt/nas/home/gotify' },
    })
    expect(config).not.toHaveProperty('data')
  })
})
