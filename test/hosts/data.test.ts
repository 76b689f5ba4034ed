import { beforeAll, describe, expect, test } from 'vitest'
import { boot, clearRequestLog, cutPower, reboot, requestLog, runInHost, setFaults, shellInHost } from '../lab/index.ts'
import {
  begin,
  crash,
  databaseOf,
  folderOf,
  type Gated,
  gated,
  gatedApps,
  isRunning,
  loseDatabase,
  newestIn,
  rowsAfterRestart,
  rowsOnceUp,
  statusSays,
  stop,
  writeUploaded,
} from './gated.ts'
import { changesOf } from './host-state.ts'
import { type Site, site, until, writeRow } from './site.ts'

const parts = gatedApps('dat-one', 8261, ['dat-kept', 'dat-large', 'dat-memory', 'dat-away'], {
  'dat-memory': { storage: { ephemeral: '64M' } },
  'dat-away': { storage: { ephemeral: '64M' } },
})
const largeRows = 80
let lab: Site
const app = (name: string): Gated => gated(lab, 'data', parts, name)

beforeAll(async () => {
  lab = await site('data', [{ name: 'dat-one' }], { apps: parts })
  await lab.provision()
})

/** Since when a database is the one that it is: its inode and the folder's device. */
const identity = (one: Gated): Promise<string> => shellInHost(one.host, 'stat -c "%d %i" "$1"', [databaseOf(one)])

/** The proof of the timer's program holds: the replica has everything. */
async function proven(one: Gated): Promise<void> {
  await until(`a proof of ${one.name}`, 40, async () => {
    const said = await shellInHost(one.host, 'systemctl start "$1-check"; cat "/run/streamside/proof/$1"', [one.name])
    return said.includes('"held":true') || null
  })
}

describe('a row', () => {
  test('that was written is in the bucket within 3 s', async () => {
    const one = app('dat-kept')
    for (const text of ['one', 'two', 'three']) {
      const before = await newestIn(one)
      await writeRow(one.host, one.port, text)
      await until(`${text} in the bucket`, 3, async () => ((await newestIn(one)) > before ? true : null))
    }
  })

  test('is back after the database was deleted and the unit restarted', async () => {
    await loseDatabase(app('dat-kept'))
    expect(await rowsAfterRestart(app('dat-kept'))).toEqual(['one', 'two', 'three'])
  })

  test('is back, and replicated on, in a folder whose group its files inherit; provision mends the mode', async () => {
    const one = app('dat-kept')
    await shellInHost(one.host, 'systemctl stop "$2"; chmod g+s "$1"', [folderOf(one), one.name])
    await loseDatabase(one)
    await begin(one, 'start')
    expect(await rowsOnceUp(one)).toEqual(['one', 'two', 'three'])
    await proven(one)
    await lab.provision()
    expect(await shellInHost(one.host, 'stat -c %a "$1"', [folderOf(one)])).toBe('750\n')
    expect(changesOf(await lab.provision())).toEqual([])
  })

  test('that is written afterwards is in the bucket within 3 s again', async () => {
    const one = app('dat-kept')
    const before = await newestIn(one)
    await writeRow(one.host, one.port, 'four')
    await until('four in the bucket', 3, async () => ((await newestIn(one)) > before ? true : null))
  })
})

describe('ephemeral storage', () => {
  const rows = ['one', 'two']

  beforeAll(async () => {
    await Promise.all(['dat-memory', 'dat-away'].map((name) => writeUploaded(app(name), ...rows)))
  })

  test('is a tmpfs of the size asked for, with the database alone in it', async () => {
    const one = app('dat-memory')
    expect(await shellInHost(one.host, 'findmnt -bno FSTYPE,SIZE "$1"', [folderOf(one)])).toMatch(/^tmpfs +67108864\n$/)
    expect(await shellInHost(one.host, 'findmnt -no FSTYPE -T "$1"', [`/var/lib/${one.name}`])).not.toMatch(/tmpfs/)
  })

  test('that was emptied under a crashing app: the rows are back', async () => {
    await loseDatabase(app('dat-memory'))
    await crash(app('dat-memory'))
    expect(await rowsOnceUp(app('dat-memory'))).toEqual(rows)
    await writeUploaded(app('dat-memory'), 'three')
  })

  test('that was unmounted while the app was stopped: the rows are back', async () => {
    const one = app('dat-memory')
    await stop(one)
    await runInHost(one.host, ['systemctl', 'stop', `${one.name}-litestream.service`])
    await runInHost(one.host, ['umount', folderOf(one)])
    await begin(one, 'start')
    expect(await rowsOnceUp(one)).toEqual([...rows, 'three'])
    expect(await shellInHost(one.host, 'findmnt -no FSTYPE "$1"', [folderOf(one)])).toBe('tmpfs\n')
  })

  test('is emptied and restored at an orderly restart, for the proof held at the stop', async () => {
    const one = app('dat-memory')
    await writeUploaded(one, 'four')
    const before = await identity(one)
    expect(await rowsAfterRestart(one)).toEqual([...rows, 'three', 'four'])
    expect(await identity(one)).not.toBe(before)
    await statusSays(one, /restored from e\d+-[0-9a-f]{8}: main at/, `${one.name}-gate`)
  })

  test('that crashes keeps its files in use', async () => {
    const one = app('dat-memory')
    await writeUploaded(one, 'five')
    const before = await identity(one)
    await crash(one)
    await until('the crash to be noticed', 10, async () => ((await isRunning(one)) ? null : true))
    expect(await rowsOnceUp(one)).toEqual([...rows, 'three', 'four', 'five'])
    expect(await identity(one)).toBe(before)
  })

  test('whose stop was not proven, S3 being away, keeps its files in use', async () => {
    const one = app('dat-away')
    await setFaults(lab.lab.instance, [{ path: '/dat-away/', do: { kind: 'refuse' } }])
    await writeRow(one.host, one.port, 'not uploaded')
    const before = await identity(one)
    await stop(one)
    await begin(one, 'start')
    await setFaults(lab.lab.instance, [])
    expect(await rowsOnceUp(one)).toEqual([...rows, 'not uploaded'])
    expect(await identity(one)).toBe(before)
  })

  test('whose stop was not proven brings those rows even over a reboot', async () => {
    const one = app('dat-away')
    await setFaults(lab.lab.instance, [{ path: '/dat-away/', do: { kind: 'refuse' } }])
    await writeRow(one.host, one.port, 'only in memory')
    await reboot(lab.host('dat-one'))
    await setFaults(lab.lab.instance, [])
    expect(await rowsOnceUp(one, 60)).toEqual([...rows, 'not uploaded', 'only in memory'])
    await proven(one)
  }, 150_000)
})

describe('a database of 20 MB', () => {
  let bytes: number

  beforeAll(async () => {
    const one = app('dat-large')
    await rowsOnceUp(one)
    // what does not compress, so that its size is the size of an upload
    await shellInHost(
      one.host,
      `for n in $(seq "$2"); do head -c 192000 /dev/urandom | base64 -w0 >"/var/tmp/row-$n"; done
      for n in $(seq "$2"); do printf 'url = http://127.0.0.1:%s/rows\\ndata-binary = "@/var/tmp/row-%s"\\noutput = /dev/null\\nnext\\n' "$1" "$n"; done | curl -fsS -K -
      rm /var/tmp/row-*`,
      [String(one.port), String(largeRows)],
    )
    await proven(one)
    bytes = Number(await shellInHost(one.host, 'stat -c %s "$1"', [databaseOf(one)]))
    const wal = Number(await shellInHost(one.host, 'stat -c %s "$1-wal"', [databaseOf(one)]))
    expect(bytes + wal).toBeGreaterThan(20_000_000)
    bytes = Math.max(bytes, 20_000_000)
  }, 120_000)

  const count = async (one: Gated) =>
    Number(await shellInHost(one.host, 'curl -fsS --max-time 10 "http://127.0.0.1:$1/count"', [String(one.port)]))

  /** Bytes to the bucket from the deed until a row that is written afterwards is proven to be there. */
  async function uploadOf(deed: () => Promise<unknown>): Promise<{ bytes: number; listed: string }> {
    const one = app('dat-large')
    await clearRequestLog(lab.lab.instance)
    const before = await count(one)
    await deed()
    await rowsOnceUp(one, 60)
    expect(await count(one)).toBe(before)
    await writeRow(one.host, one.port, 'a row after that')
    await proven(one)
    // Compaction (levels 1 to 8) sends again, by its own clock, what was sent before, whatever happens to a host.
    const sent = (await requestLog(lab.lab.instance)).filter(
      (each) =>
        /^(PUT|POST)$/.test(each.method) &&
        each.path.includes('/dat-large/') &&
        !/\/0*[1-8]\/[0-9a-f]{16}-[0-9a-f]{16}\.ltx/.test(each.path),
    )
    const listed = sent.map((each) => `${each.bytesIn} ${each.path}`).join('\n')
    return { bytes: sent.reduce((sum, each) => sum + each.bytesIn, 0), listed }
  }

  const one = () => lab.host('dat-one')
  const deeds: Record<string, () => Promise<unknown>> = {
    'a restart of the app alone': () => runInHost(one(), ['systemctl', 'restart', 'dat-large.service']),
    'a clean reboot': () => reboot(one()),
    'a power cut and boot': () => cutPower(one()).then(() => boot(one())),
  }

  test.each(Object.keys(deeds))(
    '%s uploads less than a hundredth of it, and the app is up by itself with all rows',
    async (name) => {
      const sent = await uploadOf(deeds[name]!)
      expect(sent.bytes).toBeGreaterThan(0)
      expect(sent.bytes, sent.listed).toBeLessThan(bytes / 100)
    },
    120_000,
  )
})
