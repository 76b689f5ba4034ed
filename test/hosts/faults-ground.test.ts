import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { boot, cutPower, type LabHost, putFile, shellInHost } from '../lab/index.ts'
import { elfFile } from '../unit/artifacts/elf-file.ts'
import { converges, type Faulty, refuses } from './faulty.ts'
import { changesOf, pagesApp } from './host-state.ts'
import { eventsOf, type Site, site, until } from './site.ts'

// What a look at the host tells before anything is begun, and releases that are none.

let lab: Site
let one: LabHost
let faulty: Faulty
let scratch: string
let release: string
let round = 0
const both = ['plan', 'provision']

/** Something to do: another environment, and what else is given. */
async function wants(more: Record<string, unknown> = {}): Promise<void> {
  round += 1
  const pages = pagesApp('fgr-one', 8562)
  const built = { ...(pages['release'] as object), from: release }
  await lab.rewrite({ apps: { pages: { ...pages, release: built, environment: { ROUND: String(round) }, ...more } } })
}

const newRelease = (files: number) =>
  Promise.all(Array.from({ length: files }, (_, n) => writeFile(path.join(release, `file-${n}`), `${round} ${n}\n`)))

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'streamside-faults-'))
  release = path.join(scratch, 'release')
  await cp(path.resolve(import.meta.dirname, '../lab/app'), release, { recursive: true })
  lab = await site('faults-ground', [{ name: 'fgr-one' }], { apps: {} })
  one = lab.host('fgr-one')
  faulty = { lab, host: one }
  await wants()
  await lab.provision()
})
afterAll(() => rm(scratch, { recursive: true, force: true }))

describe('a file system', () => {
  /** Puts a small file system with the same content over a folder. */
  async function over<T>(folder: string, options: string, work: () => Promise<T>): Promise<T> {
    await shellInHost(
      one,
      `rm -rf /run/kept; mkdir /run/kept; cp -a "$1/." /run/kept; files=$(find "$1" | wc -l) kib=$(du -sk "$1" | cut -f1)
       eval "mount -t tmpfs -o mode=755,$2 none $1"; cp -a /run/kept/. "$1"`,
      [folder, options],
    )
    try {
      return await work()
    } finally {
      await shellInHost(one, 'umount -l "$1"; rm -rf /run/kept', [folder])
    }
  }

  test('that is full ends plan and provision before anything is sent, with how much is missing', async () => {
    await wants()
    await newRelease(3)
    await over('/opt', 'size=$((kib + 512))k', () =>
      refuses(
        faulty,
        {
          code: 'disk-full',
          exit: 1,
          found: /^\d+ KB are free on \/opt, and this needs 1\d MB; nothing was sent/,
          next: /sudo du -xhd2 \/opt/,
        },
        both,
      ),
    )
    await converges(faulty)
  })

  test('without inodes ends them as well, although df shows room', async () => {
    await wants()
    await newRelease(40)
    await over('/opt', 'size=500m,nr_inodes=$((files + 9))', () =>
      refuses(
        faulty,
        {
          code: 'inodes-full',
          exit: 1,
          found: /^\/opt takes \d more files \(inodes; it has \d+\), and this needs \d\d;/,
          next: /du -xd3 --inodes \/opt/,
        },
        both,
      ),
    )
    await converges(faulty)
  })

  test('without an inode for what is sent ends them as well', async () => {
    await wants()
    await over('/var/lib/streamside', 'size=500m,nr_inodes=$((files + 1))', async () => {
      await shellInHost(one, ': >/var/lib/streamside/the-last || :')
      const found = /^\/var\/lib\/streamside takes 0 more files/
      await refuses(faulty, { code: 'inodes-full', exit: 1, found, next: /du -xd3 --inodes/ }, both)
    })
    await converges(faulty)
  })

  test('without an inode for the upload, which nobody could know before, is no failure of sudo', async () => {
    await wants()
    await over('/var/lib/streamside/incoming', 'size=500m,nr_inodes=$files', () =>
      refuses(faulty, { code: 'disk-full', exit: 1, found: /No space left on device/, next: /df -i/ }),
    )
    await converges(faulty)
  })

  test('that is read-only, / itself, ends plan and provision, and says what its card may have', async () => {
    await wants()
    // a journal that is open for writing would keep the mount busy; a card's error asks nobody
    const volatile = '/run/systemd/journald.conf.d/volatile.conf'
    await putFile(one, volatile, '[Journal]\nStorage=volatile\n')
    await shellInHost(one, 'systemctl restart systemd-journald')
    await until('/ to be read-only', 20, async () =>
      (await shellInHost(one, 'mount -o remount,bind,ro / 2>/dev/null && echo yes || :')) === '' ? null : true,
    )
    try {
      await refuses(
        faulty,
        { code: 'read-only', exit: 1, found: /^\/ is mounted read-only/, next: /streamside ssh fgr-one sudo dmesg/ },
        both,
      )
    } finally {
      await shellInHost(one, `mount -o remount,bind,rw /; rm ${volatile}; systemctl restart systemd-journald`)
    }
    await converges(faulty)
  })
})

test('a clock in 1970 ends plan and provision with how to set it; without anything to do it is a warning', async () => {
  // The kernel has one clock for all hosts of a lab: what root's programs see of it is set off for them.
  await shellInHost(one, 'apt-get -q -y install --no-install-recommends libfaketime >/dev/null', [], {
    deadlineSeconds: 120,
  })
  await putFile(one, '/etc/faketimerc', '@1970-01-01 00:00:10\n')
  const inThePast = `printf 'LD_PRELOAD=%s\\n' /usr/lib/*/faketime/libfaketime.so.1 >/run/in-1970
    echo 'Defaults env_file=/run/in-1970' >/etc/sudoers.d/in-1970`
  await shellInHost(one, inThePast)
  try {
    const quiet = await lab.run(['provision', '--json'])
    expect(quiet.code).toBe(0)
    expect(eventsOf(quiet, 'warning')).toEqual([
      expect.objectContaining({ code: 'clock', message: expect.stringContaining('1970-01-01 00:00 UTC') }),
    ])
    await wants()
    await refuses(
      faulty,
      {
        code: 'clock',
        exit: 1,
        found: /its clock says 1970-01-01 00:00 UTC, which is \d\d years behind this machine's.*no certificate/,
        next: /timedatectl timesync-status.*streamside ssh fgr-one sudo date -us/,
      },
      both,
    )
  } finally {
    await shellInHost(one, 'rm /etc/sudoers.d/in-1970 /run/in-1970')
  }
  await converges(faulty)
})

describe('a port that somebody else has', () => {
  test.each([
    ['a service', 'systemd-run --quiet --unit=squatter', /of squatter\.service\)$/, /systemctl disable --now squatter/],
    ["somebody's program", 'systemd-run --quiet --scope --unit=by-hand setsid', /\(python3\)$/, /sudo kill \d+\)/],
  ])('is named with who has it: %s', async (_, begin, found, next) => {
    await shellInHost(one, `${begin} python3 -m http.server 8563 >/dev/null 2>&1 & sleep 1.5`)
    await wants(pagesApp('fgr-one', 8563))
    await refuses(faulty, { code: 'port-taken', exit: 1, doing: /^starting pages on fgr-one$/, found, next }, both)
    await shellInHost(one, 'pkill -f "^(/usr/bin/)?python3 -m http.server 8563"; sleep 0.5')
    await converges(faulty)
    await wants()
    await converges(faulty)
  })
})

describe('a release', () => {
  test('that is damaged on its way is not put in place, and the next run sends it anew', async () => {
    const cache = path.join(scratch, 'cache')
    await wants()
    await writeFile(path.join(release, 'motd'), `as it was built ${round}\n`)
    const before = process.env['STREAMSIDE_CACHE']
    process.env['STREAMSIDE_CACHE'] = cache
    try {
      expect((await lab.run(['plan'])).code).toBe(7)
      const name = (await readdir(path.join(cache, 'releases'))).find((each) => each.endsWith('.tar'))
      const tar = path.join(cache, 'releases', name ?? '')
      const packed = await readFile(tar)
      // one bit of a file's content: no header of the archive knows of it
      const at = packed.indexOf('as it was built')
      packed[at] = (packed[at] ?? 0) ^ 1
      await writeFile(tar, packed)
      const run = await lab.run(['provision', '--json'])
      expect(run.code).toBe(1)
      expect(eventsOf(run, 'problem')).toEqual([
        expect.objectContaining({
          problem: expect.objectContaining({
            code: 'release-damaged',
            found: expect.stringMatching(/other content than it was packed with: \.\/motd/),
            next: expect.stringContaining('packs and sends the release anew'),
          }),
        }),
      ])
      expect(await shellInHost(one, 'cat /opt/pages/releases/*/motd 2>/dev/null || echo none')).toBe('none\n')
      await converges(faulty)
      expect(await shellInHost(one, 'cat /opt/pages/current/motd')).toBe(`as it was built ${round}\n`)
    } finally {
      if (before === undefined) delete process.env['STREAMSIDE_CACHE']
      else process.env['STREAMSIDE_CACHE'] = before
    }
  })

  test('that is no whole archive is refused on this machine, before any host is asked', async () => {
    const archive = path.join(scratch, 'pages.tar.gz')
    await promisify(execFile)('tar', ['-czf', archive, '-C', release, '.'])
    await writeFile(archive, (await readFile(archive)).subarray(0, 700))
    await wants({ release: { from: archive, command: './notes' } })
    await refuses(
      faulty,
      { code: 'release-damaged', exit: 1, doing: /pages\.tar\.gz/, found: /./, next: /make or fetch it again/ },
      both,
    )
    await wants()
    await converges(faulty)
  })

  test('for another architecture is refused by its own first bytes, or by the key that is missing', async () => {
    const program = path.join(scratch, 'serve')
    await writeFile(program, elfFile(183), { mode: 0o755 })
    const command = './serve'
    await wants({ release: { from: program, command } })
    const built = { doing: /pages|serve/, found: /serve is built for AArch64 \(arm64\)/, next: /build it for amd64/ }
    await refuses(faulty, { code: 'wrong-architecture', exit: 1, ...built }, both)
    await wants({ release: { from: { arm64: program }, command } })
    const missing = { doing: /release of pages/, found: /the host is amd64/, next: /amd64:/ }
    await refuses(faulty, { code: 'no-release', exit: 2, ...missing }, both)
    await wants()
    await converges(faulty)
  })
})

test('a systemd that is older than 252 is refused with the releases that have it', async () => {
  // Only what it says of itself: there is no older release in the lab's archive.
  await putFile(
    one,
    '/usr/local/sbin/systemctl',
    '#!/bin/sh\ncase $1 in --version) echo "systemd 247 (247.3-7)" ;; *) exec /usr/bin/systemctl "$@" ;; esac\n',
    { mode: '0755' },
  )
  await wants()
  await refuses(
    faulty,
    { code: 'host-unsupported', exit: 1, found: /^systemd 247 on debian 12$/, next: /systemd 252 or later: Debian 12/ },
    both,
  )
  await shellInHost(one, 'rm /usr/local/sbin/systemctl')
  await converges(faulty)
})

test('a host that is off ends the run with 3, and is done when it is back', async () => {
  await wants()
  await cutPower(one)
  const run = await lab.run(['provision', '--json'])
  expect(run.code).toBe(3)
  expect(eventsOf(run, 'problem')).toEqual([
    expect.objectContaining({
      problem: expect.objectContaining({
        host: 'fgr-one',
        doing: 'connecting to fgr-one',
        next: expect.stringMatching(/switched on|still booting/),
      }),
    }),
  ])
  await boot(one)
  expect(changesOf(await converges(faulty), 'unit')).toEqual(['restart pages.service'])
})
