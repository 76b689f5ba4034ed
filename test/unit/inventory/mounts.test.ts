import { expect, test } from 'vitest'
import type { MountSource } from '../../../src/inventory/model.ts'
import { fileReplica } from '../../../src/inventory/schema/replica.ts'
import { inventoryWith, loadText } from './workspace.ts'

async function mountOf(mount: string): Promise<MountSource | null | undefined> {
  const share = `  share: { type: file, path: /mnt/nas, mount: ${JSON.stringify(mount)} }\nhosts:`
  const replica = (await loadText(inventoryWith().replace('hosts:', share))).inventory.replicas['share']
  return replica?.type === 'file' ? replica.mount : undefined
}

test.each([
  ['LABEL=backup', '/dev/disk/by-label/backup'],
  // what `ls /dev/disk/by-label` shows of such disks
  ['LABEL=My Passport', String.raw`/dev/disk/by-label/My\x20Passport`],
  [String.raw`LABEL=a/b\c(1)`, String.raw`/dev/disk/by-label/a\x2fb\x5cc\x281\x29`],
  ['LABEL=Sauvegarde-été', '/dev/disk/by-label/Sauvegarde-été'],
  ['UUID=1a2b-3c4d', '/dev/disk/by-uuid/1a2b-3c4d'],
  ['/dev/mapper/backup', '/dev/mapper/backup'],
])('%s is the disk that udev links so', async (written, device) => {
  expect(await mountOf(written)).toEqual({ kind: 'device', device })
})

test.each([
  ['nfs://nas/volume1/sqlite', 'nas:/volume1/sqlite'],
  ['nfs://nas.lan/Volume 1/Meine Daten (ß)', 'nas.lan:/Volume 1/Meine Daten (ß)'],
  ['nfs://[fd00::1]/volume1', '[fd00::1]:/volume1'],
])('%s is what an NFS server exports', async (written, share) => {
  expect(await mountOf(written)).toEqual({ kind: 'nfs', share })
})

test.each([
  'LABEL=',
  'LABEL= x',
  'LABEL=x ',
  'nfs://nas/x ',
  'nfs://nas/a/../b',
  'nfs://nas/"x"',
  'nfs://nas/a\nb',
  'LABEL=a\nb',
])('%j is nothing to mount', (written) => {
  expect(fileReplica.safeParse({ type: 'file', path: '/mnt/nas', mount: written }).success).toBe(false)
})
