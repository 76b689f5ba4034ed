import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cutPower, type LabHost, shellInHost } from '../lab/index.ts'
import { ownerIn, proven } from './directory-site.ts'
import { type Disk, makeDisk } from './disk.ts'
import type { Gated } from './gated.ts'
import { changesOf } from './host-state.ts'
import { eventsOf, notesApp, readRows, type Site, site, writeRow } from './site.ts'

// One directory that two hosts have, as two clients of a NAS do. Here they share a kernel, and so the file system itself.
const names = ['race-twelve', 'race-thirteen'] as const
const root = '/mnt/share'
/** As udev names the link of the label, which has a blank, as labels of disks from a shop have. */
const link = String.raw`/dev/disk/by-label/My\x20share`
let lab: Site
let hosts: LabHost[]
let disk: Disk
/** That has the app in the end. */
let winner: LabHost

/** The app on one of the hosts, as an operator of his own has it. */
const only = (host: string, at = root) => ({
  replicas: { share: { type: 'file', path: at, mount: 'LABEL=My share', prefix: 'home' } },
  apps: { 'race-app': notesApp(host, 8421, { replica: 'share' }) },
})

beforeAll(async () => {
  lab = await site('directory-race', [{ name: names[0] }, { name: names[1], suite: 'trixie' }], only(names[0]))
  disk = await makeDisk(lab.lab.instance, path.basename(link), 32)
  hosts = names.map((name) => lab.host(name))
  for (const host of hosts) {
    await disk.plug(host)
    await shellInHost(host, 'mkdir -p "$1" && mount "$2" "$1"', [root, link])
  }
})

afterAll(async () => {
  for (const host of hosts) await cutPower(host)
  await disk.remove()
})

describe('two hosts that want one app', () => {
  test('of many writers on both hosts exactly one makes each version', async () => {
    await shellInHost(hosts[0]!, 'touch "$1/.streamside-replica"', [root])
    const program = await readFile('templates/host/objects.sh', 'utf8')
    const race = (on: LabHost, ...condition: string[]) =>
      shellInHost(
        on,
        'for n in 1 2 3 4 5 6 7 8; do echo "$n" | sh -c "$1" sh "$2" put race/owner.json $3 & done; wait',
        [program, root, condition.join(' ')],
      )
    for (const [n, condition] of [['absent'], ['match', '1'], ['match', '2']].entries()) {
      const said = await Promise.all(hosts.map((host) => race(host, ...condition)))
      const answers = said.flatMap((text) => text.trim().split('\n'))
      expect(answers.filter((line) => line === `200 - ${n + 1}`)).toHaveLength(1)
      expect(answers.filter((line) => line.startsWith('412'))).toHaveLength(15)
    }
    await shellInHost(hosts[0]!, 'rm "$1/.streamside-replica" && rm -r "$1/race"', [root])
  })

  test('of two operators who provision it at once one is told that the other has it', async () => {
    const second = await site(
      'directory-second',
      [{ name: names[0] }, { name: names[1], suite: 'trixie' }],
      only(names[1]),
    )
    const args = ['provision', '--json', '--accept-new', '--limit']
    const runs = await Promise.all([lab.run([...args, names[0]]), second.run([...args, names[1]])])
    expect(runs.map(({ code }) => code)).toEqual(expect.arrayContaining([0, 1]))
    const lost = runs.find(({ code }) => code === 1)!
    expect(eventsOf(lost, 'problem').map(({ problem }) => (problem as { code: string }).code)).toEqual([
      'held-by-another-host',
    ])
    winner = hosts[runs.findIndex(({ code }) => code === 0)]!
    expect(await shellInHost(winner, 'ls "$1/home/race-app" | grep -c ^owner', [root])).toBe('2\n')
  })
})

describe('an app with its replica on a disk', () => {
  const moved = '/mnt/moved'
  const app = (): Gated => ({ site: lab, host: winner, name: 'race-app', port: 8421, prefix: '' })

  test('goes on where the disk is mounted elsewhere, under the path that it has', async () => {
    await writeRow(winner, 8421, 'before')
    await proven(app())
    const before = await ownerIn(winner, `${root}/home/race-app`)
    await lab.rewrite(only(winner.name, moved))
    const args = ['--limit', winner.name]
    await lab.provision(args)
    await writeRow(winner, 8421, 'after')
    await proven(app())
    expect(await readRows(winner, 8421)).toEqual(['before', 'after'])
    expect(await ownerIn(winner, `${moved}/home/race-app`)).toEqual(before)
    expect(await shellInHost(winner, 'findmnt -n "$1" || ls -A "$1"', [root])).toBe('')
    expect(changesOf(await lab.provision(args))).toEqual([])
  })

  test('lets go of it with --prune; the mount goes with it, and what is on the disk stays', async () => {
    await lab.rewrite({ apps: {} })
    await lab.provision(['--limit', winner.name, '--prune'])
    const left = 'findmnt -n "$1" || ls /etc/systemd/system | grep -F mnt || echo gone'
    expect(await shellInHost(winner, left, [moved])).toBe('gone\n')
    await shellInHost(winner, 'mount "$2" "$1"', [moved, link])
    expect((await ownerIn(winner, `${moved}/home/race-app`)).holder).toBeNull()
  })
})
