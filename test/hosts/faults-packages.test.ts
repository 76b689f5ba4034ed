import { beforeAll, describe, expect, test } from 'vitest'
import { type LabHost, putFile, shellInHost } from '../lab/index.ts'
import { converges, type Faulty, refuses } from './faulty.ts'
import { changesOf, pagesApp } from './host-state.ts'
import { eventsOf, type Site, site } from './site.ts'

// Package is what fails most on a host that somebody else uses, too: who holds apt, and where does it get its packages from?

let lab: Site
let one: LabHost
let faulty: Faulty
const pages = pagesApp('fpk-one', 8561)

/** Declares one more package for the app; it goes from the host first, so that there is something to install. */
async function wants(name: string): Promise<void> {
  await shellInHost(one, 'apt-get -q -y purge "$1" >/dev/null 2>&1 || :', [name])
  await lab.rewrite({ apps: { pages: { ...pages, packages: ['python3', name] } } })
}

beforeAll(async () => {
  lab = await site('faults-packages', [{ name: 'fpk-one' }], { apps: { pages } })
  one = lab.host('fpk-one')
  faulty = { lab, host: one }
  await lab.provision()
})

describe("apt's lock", () => {
  /** Holds a lock of apt's as apt does (fcntl, not flock), for so long. */
  const hold = (file: string, seconds: number) =>
    shellInHost(one, 'systemd-run --quiet --unit=daily-update python3 -c "$1" "$2" "$3"; sleep 0.5', [
      'import fcntl, sys, time\nf = open(sys.argv[1], "w")\nfcntl.lockf(f, fcntl.LOCK_EX)\ntime.sleep(float(sys.argv[2]))',
      file,
      String(seconds),
    ])

  test('that goes away is waited for, and whoever looks on learns who has it', async () => {
    await wants('rolldice')
    await hold('/var/lib/dpkg/lock-frontend', 600)
    let told = ''
    const ended: Promise<string>[] = []
    const run = await lab.run(['provision', '--json'], {
      onLine: (line) => {
        const event = JSON.parse(line) as { step?: string; detail?: string }
        if (event.step !== 'apt-lock' || ended.length > 0) return
        told = event.detail ?? ''
        ended.push(shellInHost(one, 'systemctl stop daily-update'))
      },
    })
    await Promise.all(ended)
    expect(told).toMatch(/^waiting for process \d+ \(python3 of daily-update\.service\), at it for \d+ s$/)
    expect(run).toMatchObject({ code: 0 })
    expect(changesOf(run)).toEqual(['install rolldice'])
    expect(changesOf(await converges(faulty))).toEqual([])
  })

  test.each(['/var/lib/dpkg/lock-frontend', '/var/lib/apt/lists/lock'])(
    'that never goes away (%s) ends the run in time, with who has it',
    async (file) => {
      await wants('rolldice')
      // as long as this host's own apt is told to wait; five minutes otherwise
      await shellInHost(one, `echo 'DPkg::Lock::Timeout "3";' >/etc/apt/apt.conf.d/99wait`)
      if (file.includes('lists')) await shellInHost(one, 'find /var/lib/apt/lists -type f ! -name lock -delete')
      await hold(file, 600)
      try {
        await refuses(faulty, {
          code: 'apt-locked',
          exit: 1,
          found: /apt is busy: process \d+ \(python3 of daily-update\.service\), at it for \d+ s; waited 3 s/,
          next: /let it end, or end it \(streamside ssh fpk-one.*nothing else was changed/,
        })
      } finally {
        await shellInHost(one, 'systemctl stop daily-update; rm /etc/apt/apt.conf.d/99wait')
      }
      await converges(faulty)
    },
  )
})

describe('a package source', () => {
  /** Changes all sources and forgets the index, as on a bare host. */
  async function withSources<T>(change: string, work: () => Promise<T>): Promise<T> {
    await shellInHost(
      one,
      `cp -a /etc/apt /run/apt.kept; find /var/lib/apt/lists -type f ! -name lock -delete
       find /etc/apt -name '*.list' -exec ${change} {} +`,
    )
    try {
      return await work()
    } finally {
      await shellInHost(one, 'rm -r /etc/apt; mv /run/apt.kept /etc/apt')
    }
  }

  test('that is not there is named as missing, with the line that would be one', async () => {
    await wants('rolldice')
    await withSources('rm', () =>
      refuses(faulty, {
        code: 'no-package-source',
        exit: 1,
        found: /rolldice cannot be had: this host has no package source.* deb http\S+ bookworm main/,
        next: /streamside ssh fpk-one.*sources\.list.*nothing else was changed/,
      }),
    )
    await converges(faulty)
  })

  test('that does not answer is named with what apt says of it', async () => {
    await wants('rolldice')
    await withSources('sed -i s,//[^/]*,//mirror.invalid,', () =>
      refuses(faulty, {
        code: 'mirror-unreachable',
        exit: 1,
        found: /has rolldice, and this one does not: .*mirror\.invalid/,
        next: /network and a name server.*nothing else was changed/,
      }),
    )
    await converges(faulty)
  })

  test('that does not have a package is not to blame: the inventory is', async () => {
    await wants('no-such-thing')
    await refuses(faulty, {
      code: 'package-unknown',
      exit: 1,
      found: /no package source of this host \(http.*\) has no-such-thing/,
      next: /packages: in the inventory/,
    })
    await wants('rolldice')
    await converges(faulty)
  })

  test('that is signed later than the clock says is not to blame either: the clock is', async () => {
    await wants('rolldice')
    // apt alone is in the past (the kernel's clock is everybody's), and is to look at dates, which the lab has told it not to
    await shellInHost(one, 'apt-get -q -y install --no-install-recommends libfaketime >/dev/null')
    await putFile(one, '/etc/faketimerc', '@1970-01-01 00:00:10\n')
    const inThePast = '#!/bin/sh\nLD_PRELOAD=$(ls /usr/lib/*/faketime/libfaketime.so.1) exec /usr/bin/apt-get "$@"\n'
    await withSources('true', async () => {
      await shellInHost(one, "grep -rl Check-Date /etc/apt | xargs -r sed -i '/Check-Date/d'")
      await putFile(one, '/usr/local/sbin/apt-get', inThePast, { mode: '0755' })
      try {
        await refuses(faulty, {
          code: 'clock',
          exit: 1,
          found: /apt believes no signature then: E: Release file for .* is not valid yet/,
          next: /timedatectl timesync-status.*streamside ssh fpk-one sudo date -us/,
        })
      } finally {
        await shellInHost(one, 'rm /usr/local/sbin/apt-get')
      }
    })
    await converges(faulty)
  })

  test('whose index is of weeks ago is asked for a new one', async () => {
    await wants('rolldice')
    // the version that this index names is not on the mirror (any more)
    await shellInHost(
      one,
      `apt-get -q clean; for index in /var/lib/apt/lists/*_Packages; do
         sed -i '/^Package: rolldice$/,/^$/s,^\\(Filename: .*\\)\\.deb$,\\1-gone.deb,' "$index"; done; rm -f /var/cache/apt/*.bin
       grep -q -- '-gone.deb' /var/lib/apt/lists/*_Packages`,
    )
    // else apt-get update would find that it has what the mirror has
    await shellInHost(
      one,
      'for each in /var/lib/apt/lists/*InRelease; do echo >>"$each"; touch -d 2023-07-01 "$each"; done',
    )
    const run = await converges(faulty)
    expect(eventsOf(run, 'host-step').filter(({ step }) => step === 'package-index')).toHaveLength(1)
  })
})

describe('dpkg', () => {
  test('that was interrupted by somebody else is mended on the way', async () => {
    await wants('rolldice')
    await shellInHost(one, 'dpkg-query -s tar >/var/lib/dpkg/updates/0001')
    const run = await converges(faulty)
    expect(eventsOf(run, 'host-step').map(({ step }) => step)).toContain('mend-packages')
    expect(await shellInHost(one, 'dpkg --audit')).toBe('')
  })

  test("with a package whose own script fails says which, and it is not the app's", async () => {
    await wants('rolldice')
    await shellInHost(
      one,
      `mkdir -p /run/broken/DEBIAN && cd /run/broken
       printf 'Package: broken-thing\\nVersion: 1\\nArchitecture: all\\nMaintainer: a <a@b>\\nDescription: x\\n' >DEBIAN/control
       printf '#!/bin/sh\\necho no such engine\\nexit 3\\n' >DEBIAN/postinst; chmod 755 DEBIAN/postinst
       dpkg-deb -b . /run/broken.deb >/dev/null; dpkg -i /run/broken.deb >/dev/null 2>&1 || :`,
    )
    await refuses(faulty, {
      code: 'packages',
      exit: 1,
      found: /no such engine\s+dpkg: error processing package broken-thing.*\s+installed broken-thing .*exit status 3/,
      next: /streamside ssh fpk-one.*nothing else was changed/,
    })
    await shellInHost(one, 'dpkg --purge broken-thing 2>&1; rm -r /run/broken*')
    await converges(faulty)
  })
})
