import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freeAccountId } from '../../src/desired/accounts.ts'
import type { Owner } from '../../src/replica/owner.ts'
import { boot, cutPower, type LabHost, shellInHost, wipe } from '../lab/index.ts'
import { below, looked, ownerIn, proven, wrongs } from './directory-site.ts'
import { type Disk, makeDisk } from './disk.ts'
import { type Gated, isRunning, loseDatabase, reasonOf, refused, rowsOnceUp } from './gated.ts'
import { changesOf } from './host-state.ts'
import { eventsOf, notesApp, readRows, type Site, site, until, writeRow } from './site.ts'

// A replica on a disk that is plugged in (promise 5 of directories): what must never happen is that the bare directory below is
// taken for an empty replica, or written into.
const twelve = 'dir-twelve'
const root = '/mnt/back-up'
const unit = String.raw`mnt-back\x2dup.mount`
const ports = { 'dir-own': 8401, 'dir-waits': 8402 } as const
type Name = keyof typeof ports

let lab: Site
let host: LabHost
let disk: Disk
let rows: string[] = []

const app = (name: Name): Gated => ({ site: lab, host, name, port: ports[name], prefix: `home/${name}/` })
const both = Object.keys(ports) as Name[]

async function declare(): Promise<void> {
  await lab.rewrite({
    replicas: { disk: { type: 'file', path: root, mount: 'LABEL=backup', prefix: 'home' } },
    apps: {
      'dir-own': notesApp(twelve, ports['dir-own'], { replica: 'disk' }),
      'dir-waits': notesApp(twelve, ports['dir-waits'], { replica: 'disk', 'when-replica-unreachable': 'wait' }),
    },
  })
}

const inside = (command: string, ...args: string[]) => shellInHost(host, command, args)

const proveAll = async () => {
  for (const name of both) await proven(app(name))
}
const ownerOf = (name: Name) => ownerIn(host, `${root}/home/${name}`)

/** An empty card has a key of its own. */
async function forgetHostKey(): Promise<void> {
  const { access } = lab.lab.instance
  await promisify(execFile)('ssh-keygen', ['-R', host.address, '-f', path.join(access, 'known_hosts')])
}

async function write(text: string, ...names: Name[]): Promise<void> {
  for (const name of names) await writeRow(host, ports[name], text)
}

beforeAll(async () => {
  lab = await site('directory', [{ name: twelve }], { apps: {} })
  disk = await makeDisk(lab.lab.instance, 'backup', 48)
  host = lab.host(twelve)
  // Somebody has the number that follows from the app's name.
  const taken = freeAccountId('dir-own', new Set())
  await inside('groupadd -g "$1" somebody && useradd -M -u "$1" -g "$1" somebody', String(taken))
  await declare()
})

afterAll(async () => {
  await cutPower(host)
  await disk.remove()
})

describe('the first provision', () => {
  test('stops at a disk that is not plugged in: nothing is taken for an empty replica', async () => {
    const run = await lab.provision([], 1)
    expect(eventsOf(run, 'problem').map(({ problem }) => (problem as { code: string }).code)).toEqual(['not-mounted'])
    expect(await below(host, root)).toBe('root 0\n')
  })

  test('mounts the disk, marks it, and serves', async () => {
    await disk.plug(host)
    const run = await lab.provision()
    expect(changesOf(run, 'owner').sort()).toEqual(both.map((name) => `create owner object of ${name}`))
    await write('first', ...both)
    rows = ['first']
    await proveAll()
    expect(await inside('stat -c "%U %a" "$1"', `${root}/home/dir-own`)).toBe('dir-own 755\n')
    expect(await inside('find "$1" -name e0001-\\* -printf "%u %m\\n"', `${root}/home/dir-own`)).toBe('dir-own 750\n')
    expect((await ownerOf('dir-own')).dbs).toEqual({ main: { init: true } })
    expect(await below(host, root)).toBe('root 0\n')
  })

  test('leaves nothing to a second run: one exec', async () => {
    const again = await lab.provision()
    expect(changesOf(again)).toEqual([])
    expect(eventsOf(again, 'host-done')).toEqual([expect.objectContaining({ execs: 1, outcome: 'unchanged' })])
    const status = await lab.run(['status'])
    expect(status.code, status.stdout).toBe(0)
  })
})

describe('unmounted while it runs', () => {
  // The worst case: anybody may write into the directory below.
  beforeAll(async () => {
    await disk.unplug(host)
    await inside('chmod 0777 "$1"', root)
    await write('bare', ...both)
    rows.push('bare')
  })

  test('nothing is written below, and status says so', async () => {
    // longer than it takes Litestream to send, and to try again
    await new Promise((resolve) => setTimeout(resolve, 4000))
    for (const name of both) await inside('systemctl start "$1-check.service"', name)
    expect(await inside('find "$1" -mindepth 1', root)).toBe('')
    expect(await wrongs(lab, twelve)).toContain('replica-unmounted')
  })

  test('an app starts on its own files, or waits, as the inventory says', async () => {
    await inside('systemctl restart --no-block dir-own dir-waits')
    const reason = await refused(app('dir-waits'), 'replica-unmounted')
    expect(reason.text).toContain(`nothing is mounted at ${root}`)
    expect(await rowsOnceUp(app('dir-own'))).toEqual(rows)
    expect(await inside('find "$1" -mindepth 1', root)).toBe('')
  })

  test('another disk in its place is none of ours, and the same one elsewhere is not there', async () => {
    const other = await makeDisk(lab.lab.instance, 'other', 16)
    await other.plug(host)
    await disk.plug(host)
    await inside(
      'mount /dev/disk/by-label/other "$1" && mkdir -p /mnt/else && mount /dev/disk/by-label/backup /mnt/else',
      root,
    )
    await inside('systemctl start dir-own-check.service')
    const reason = await until('the gate to see the other disk', 30, async () => {
      const last = await reasonOf(app('dir-waits'))
      return last !== null && /has no .streamside-replica/.test(last.text) ? last : null
    })
    expect(reason.code).toBe('replica-unmounted')
    expect(await inside('find "$1" -mindepth 1 ! -name lost+found', root)).toBe('')
    await inside('umount /mnt/else')
    await other.unplug(host)
    await other.remove()
    await disk.unplug(host)
  })

  test('all goes on by itself once it is mounted again', async () => {
    await disk.plug(host)
    expect(await rowsOnceUp(app('dir-waits'))).toEqual(rows)
    await write('again', ...both)
    rows.push('again')
    await proveAll()
    expect(await wrongs(lab, twelve)).toEqual([])
    await inside('umount "$1" && chmod 0 "$1" && mount /dev/disk/by-label/backup "$1"', root)
  })
})

describe('a disk that does not take it', () => {
  test('full: replication goes on by itself when there is room', async () => {
    await inside('dd if=/dev/zero of="$1/filler" bs=64k 2>/dev/null || sync -f "$1"', root)
    await write('full', 'dir-own')
    rows.push('full')
    expect(await looked(app('dir-own'))).toBe(false)
    expect(await wrongs(lab, twelve)).toContain('replica-full')
    await inside('rm "$1/filler"', root)
    await proven(app('dir-own'))
  })

  test('read-only: likewise', async () => {
    await inside('mount -o remount,ro "$1"', root)
    await write('read-only', 'dir-own')
    rows.push('read-only')
    expect(await looked(app('dir-own'))).toBe(false)
    expect(await wrongs(lab, twelve)).toEqual(expect.arrayContaining(['replica-read-only', 'unprotected']))
    await inside('mount -o remount,rw "$1"', root)
    await proven(app('dir-own'))
    expect(await wrongs(lab, twelve)).toEqual([])
    expect(await readRows(host, ports['dir-own'])).toEqual(rows)
  })
})

describe('its path taken over while Litestream runs', () => {
  const elsewhere = async (...commands: string[]) => {
    // without a pause: what only looks at the list of mounts sees one mount before and one after
    await inside(['umount "$1"', 'mount -t tmpfs -o mode=1777 none "$1"', ...commands].join(' && '), root)
    const text = `elsewhere ${commands.length}`
    await write(text, 'dir-own')
    rows.push(text)
    await new Promise((resolve) => setTimeout(resolve, 4000))
    expect(await looked(app('dir-own'))).toBe(false)
  }
  const andBack = async () => {
    await inside('umount "$1" && systemctl start "$2"', root, unit)
    await write('and back', 'dir-own')
    rows.push('and back')
    await proven(app('dir-own'))
  }

  test('gets nothing, though anybody may write there, and replication goes on without a hole', async () => {
    await elsewhere()
    expect(await inside('find "$1" -mindepth 1', root)).toBe('')
    await andBack()
  })

  test('another replica, with a mark and a folder for the app, gets nothing either', async () => {
    await elsewhere('mkdir -p -m 1777 "$1/home/dir-own" && echo "{}" >"$1/.streamside-replica"')
    expect(await inside('find "$1" -mindepth 1 -printf "%P\\n" | sort', root)).toBe(
      '.streamside-replica\nhome\nhome/dir-own\n',
    )
    await andBack()
  })

  test('mounted anew for reading only, and made writable later: the timer lets Litestream see that', async () => {
    await inside('umount "$1" && mount -o ro /dev/disk/by-label/backup "$1"', root)
    await write('mounted read-only', 'dir-own')
    rows.push('mounted read-only')
    expect(await looked(app('dir-own'))).toBe(false)
    await inside('mount -o remount,rw "$1"', root)
    await proven(app('dir-own'))
    expect(await readRows(host, ports['dir-own'])).toEqual(rows)
  })
})

describe('unmounted at boot', () => {
  test('each app does as it is told, and a lost database is no first launch', async () => {
    await cutPower(host)
    await boot(host)
    await refused(app('dir-waits'), 'replica-unmounted')
    expect(await rowsOnceUp(app('dir-own'))).toEqual(rows)
    await inside('systemctl stop dir-own')
    await loseDatabase(app('dir-own'))
    await inside('systemctl start --no-block dir-own')
    const reason = await refused(app('dir-own'), 'replica-unmounted')
    expect(reason.text).toContain('the database is not here')
    expect(await below(host, root)).toBe('root 0\n')
  })

  test('and comes up by itself with the disk, the lost database restored', async () => {
    await disk.plug(host)
    // what the timer does every two minutes
    await inside('systemctl start dir-own-check.service')
    expect(await rowsOnceUp(app('dir-own'), 60)).toEqual(rows)
    expect(await rowsOnceUp(app('dir-waits'))).toEqual(rows.slice(0, 3))
    await proveAll()
    expect(await isRunning(app('dir-waits'))).toBe(true)
    expect((await ownerOf('dir-own')).epoch).toBe(2)
  })
})

describe('drift', () => {
  test('of the mount unit is named and mended', async () => {
    await inside('sed -i s/noexec/exec/ "/etc/systemd/system/$1"', unit)
    const plan = await lab.run(['plan', '--json'])
    expect(changesOf(plan)).toEqual([`update /etc/systemd/system/${unit}`])
    expect(changesOf(await lab.provision())).toEqual([`update /etc/systemd/system/${unit}`])
    expect(changesOf(await lab.provision())).toEqual([])
  })
})

describe('an empty card', () => {
  let before: Owner

  test('is not taken for a first launch: the replica says whose it is', async () => {
    before = await ownerOf('dir-own')
    await wipe(host)
    await disk.plug(host)
    await forgetHostKey()
    const early = await lab.run(['restore', twelve, '--json', '--dry-run', '--accept-new'])
    expect(early.code, early.stderr).toBe(0)
    expect(eventsOf(early, 'warning').map(({ code, app: name }) => [code, name])).toEqual(
      both.map((name) => ['looked-at-later', name]),
    )
    expect(await inside('ls -d /etc/streamside 2>/dev/null || :')).toBe('')
    const run = await lab.provision([], 1)
    const problems = eventsOf(run, 'problem').map(({ problem }) => problem as Record<string, unknown>)
    expect(problems.map(({ code }) => code)).toEqual(['held-by-another-host'])
    expect(await ownerOf('dir-own')).toEqual(before)
  })

  test('is restored on order, which mounts the disk first, and its user has the number that it had', async () => {
    await wipe(host)
    await disk.plug(host)
    await forgetHostKey()
    // as if the old card had not shown itself for some time
    await inside(
      'mount /dev/disk/by-label/backup /mnt; find /mnt/home -name tip.json -exec touch -d -10min {} +; umount /mnt',
    )
    const run = await lab.run(['restore', twelve, '--json', '--yes', '--accept-new'])
    expect(run.code, run.stdout + run.stderr).toBe(0)
    expect(eventsOf(run, 'restore-source').map(({ app: name, action }) => [name, action])).toEqual(
      both.map((name) => [name, 'take-over']),
    )
    expect(eventsOf(run, 'restored').map(({ app: name }) => name)).toEqual(expect.arrayContaining(both))
    expect(await rowsOnceUp(app('dir-own'))).toEqual(rows)
    expect(await inside('id -u dir-own')).toBe(`${before.uid}\n`)
    expect(before.uid).not.toBe(freeAccountId('dir-own', new Set()))
    await proveAll()
    expect(await ownerOf('dir-own')).toMatchObject({ epoch: before.epoch + 1, from: null, uid: before.uid })
  })
})
