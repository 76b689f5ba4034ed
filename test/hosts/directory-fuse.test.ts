import { beforeAll, describe, expect, test } from 'vitest'
import { freeAccountId } from '../../src/desired/accounts.ts'
import { boot, cutPower, type LabHost, runInHost, shellInHost } from '../lab/index.ts'
import { proven } from './directory-site.ts'
import { type Gated, isRunning, loseDatabase, refused, rowsOnceUp } from './gated.ts'
import { changesOf } from './host-state.ts'
import { eventsOf, notesApp, type Site, site, writeRow } from './site.ts'

// What an NFS server that squashes root does to a host, by bindfs: nobody but the app's user is let in, root least of all. The user
// mounts it himself.
const name = 'fus-app'
const port = 8411
const root = '/mnt/nas'
let lab: Site
let host: LabHost
const app = (): Gated => ({ site: lab, host, name, port, prefix: `${name}/` })
const inside = (command: string, ...args: string[]) => shellInHost(host, command, args)

/**
 * As that user mounts it, after each boot: FUSE then lets nobody else in. For that it needs a name and the bare directory, and has both
 * for this moment only.
 */
const mount = () =>
  inside(
    `[ -e /dev/fuse ] || mknod -m 666 /dev/fuse c 10 229
    chown "$1:$1" "$2"
    getent passwd "$1" >/dev/null || echo "mounter:x:$1:$1::/:/bin/false" >>/etc/passwd
    setpriv --reuid "$1" --regid "$1" --clear-groups bindfs --no-allow-other /srv/share "$2"
    sed -i /^mounter:/d /etc/passwd
    unshare --mount sh -c 'mkdir -p /tmp/below && mount --bind / /tmp/below && chown root:root "/tmp/below$1"' sh "$2"
    rmdir /tmp/below`,
    String(freeAccountId(name, new Set())),
    root,
  )
const asApp = (command: string, ...args: string[]) =>
  runInHost(host, ['setpriv', '--reuid', name, '--regid', name, '--clear-groups', 'sh', '-c', command, 'sh', ...args])

beforeAll(async () => {
  lab = await site('directory-fuse', [{ name: 'fus-one', suite: 'trixie' }], {
    replicas: { share: { type: 'file', path: root } },
    apps: {
      [name]: notesApp('fus-one', port, {
        replica: 'share',
        health: { http: `http://127.0.0.1:${port}/health`, within: '30s' },
      }),
    },
  })
  host = lab.host('fus-one')
  const install =
    'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends bindfs fuse3'
  await runInHost(host, ['sh', '-c', install], { deadlineSeconds: 200 })
  await inside(
    'mkdir -p "$2" /srv/share && chown "$1:$1" /srv/share && chmod 0700 /srv/share',
    String(freeAccountId(name, new Set())),
    root,
  )
})

describe('a directory that only the app’s user may look into', () => {
  test('and that is not mounted: nothing is touched, and the way on is said', async () => {
    const run = await lab.provision([], 1)
    const problem = eventsOf(run, 'problem').map((event) => event['problem'] as Record<string, unknown>)
    expect(problem).toEqual([
      expect.objectContaining({
        code: 'replica-unmounted',
        found: `nothing is mounted at ${root}`,
        next: expect.stringMatching(/^mount it there/),
      }),
    ])
    expect(await inside('ls /etc/streamside 2>/dev/null || echo none')).toBe('none\n')
  })

  test('is used with that user, and root has no part in it', async () => {
    await mount()
    expect((await runInHost(host, ['ls', root], { allowFailure: true })).code).not.toBe(0)
    const run = await lab.provision()
    expect(changesOf(run, 'owner')).toEqual([`create owner object of ${name}`])
    await writeRow(host, port, 'one')
    await proven(app())
    const seen = (await asApp('cd "$1" && ls "$2"', root, name)).stdout
    expect(seen).toMatch(/^e0001-[0-9a-f]{8}\nowner\.1\.json\nowner\.2\.json\n$/)
    expect(changesOf(await lab.provision())).toEqual([])
    expect(eventsOf(await lab.provision(), 'host-done')).toEqual([expect.objectContaining({ execs: 1 })])
  })

  test('unmounted while it runs: nothing is written to the bare directory, and it goes on by itself', async () => {
    // though anybody may write there, which `plan` warns of
    await inside('umount "$1" && chmod 1777 "$1"', root)
    await writeRow(host, port, 'two')
    await new Promise((resolve) => setTimeout(resolve, 4000))
    expect(await inside('find "$1" -mindepth 1', root)).toBe('')
    await inside('chmod 0755 "$1"', root)
    await mount()
    await proven(app())
  })

  test('unmounted at boot, with the database lost: it waits, and is restored by itself', async () => {
    await cutPower(host)
    await boot(host)
    expect(await rowsOnceUp(app())).toEqual(['one', 'two'])
    await inside('systemctl stop "$1"', name)
    await loseDatabase(app())
    await inside('systemctl start --no-block "$1"', name)
    await refused(app(), 'replica-unmounted')
    expect(await isRunning(app())).toBe(false)
    expect(await inside('find "$1" -mindepth 1', root)).toBe('')
    await mount()
    expect(await rowsOnceUp(app())).toEqual(['one', 'two'])
    await proven(app())
  })

  test('lets the app go with --prune, and has it back', async () => {
    const parts = { replicas: { share: { type: 'file', path: root } } }
    await lab.rewrite({ ...parts, apps: {} })
    await lab.provision(['--prune'])
    const newest = (await asApp('cd "$1/$2" && cat "$(ls owner.*.json | sort -t. -k2n | tail -n 1)"', root, name))
      .stdout
    expect(JSON.parse(newest)).toMatchObject({ holder: null })
    await lab.rewrite({ ...parts, apps: { [name]: notesApp('fus-one', port, { replica: 'share' }) } })
    expect(changesOf(await lab.provision(), 'owner')).toEqual([`update owner object of ${name}`])
    expect(await rowsOnceUp(app())).toEqual(['one', 'two'])
  })
})
