import { beforeAll, describe, expect, test, vi } from 'vitest'
import { freezeS3, runInHost, shellInHost, startS3, stopS3, thawS3 } from '../lab/index.ts'
import { databaseOf, type Gated, gated, gatedApps, memoryOf, rowsAfterRestart, writeUploaded } from './gated.ts'
import { eventsOf, notesApp, type Site, site, writeRow } from './site.ts'
import { allWell, appOf, codes, said, statusOf } from './status-answer.ts'

// Each test runs the command several times, and waits for hosts in between.
vi.setConfig({ testTimeout: 240_000 })

const own = gatedApps('st-one', 8311, ['st-notes', 'st-files'])
const parts = { ...own, 'st-both': { ...notesApp('st-one', 8321), host: undefined, hosts: ['st-one', 'st-two'] } }
let lab: Site
const app = (name: string): Gated => gated(lab, 'status', own, name)
const one = () => lab.host('st-one')

beforeAll(async () => {
  lab = await site('status', [{ name: 'st-one' }, { name: 'st-two', suite: 'trixie' }], { apps: parts })
  await lab.provision()
  await Promise.all(Object.keys(own).map((name) => writeUploaded(app(name), 'one')))
})

describe('all is well', () => {
  test('every app is protected, with one exec a host', async () => {
    await allWell(lab)
    const answer = await statusOf(lab)
    expect(answer.code, said(answer)).toBe(0)
    expect(eventsOf(answer, 'host-done')).toMatchObject([
      { outcome: 'sound', execs: 1 },
      { outcome: 'sound', execs: 1 },
    ])
    for (const [host, found] of answer.hosts) {
      expect(found.wrong).toEqual([])
      expect(found.drift).toEqual({ known: true, changes: [] })
      expect(Math.abs(found.clock.offsetSeconds)).toBeLessThan(30)
      expect(found.clock.against).toBe('replica')
      expect(found.memory.totalKib).toBeGreaterThan(0)
      expect(found.disks.map((disk) => disk.availableKib > 0 && !disk.readOnly)).not.toContain(false)
      for (const each of found.apps) {
        expect(each).toMatchObject({ state: 'running', reason: null, alerts: [], wrong: [] })
        expect(each.units).toMatchObject({
          app: { active: 'active' },
          litestream: { active: 'active', sub: 'running' },
          gate: { active: 'inactive', result: 'success' },
          timer: { active: 'active' },
        })
        expect(each.owner).toMatchObject({ read: true, thisHost: true, holder: host, epoch: 1 })
        expect(each.replica?.protection).toBe('protected')
        expect(each.replica?.databases[0]?.remote).toMatch(/^[0-9a-f]{16}$/)
        expect(Date.now() / 1000 - (each.replica?.lastUpload ?? 0)).toBeLessThan(3600)
        expect(each.unheld).toMatchObject({ bytes: 0, partial: false })
      }
    }
    expect(answer.events.every((event) => event['v'] === 1)).toBe(true)
    expect(appOf(answer, 'st-both', 'st-two').instance).toBe('st-both@st-two')
  })

  test('the table fits 80 columns, has no colours in a pipe, and is all there is', async () => {
    const answer = await lab.run(['status'])
    expect(answer.code, said(answer)).toBe(0)
    expect(answer.stderr).toBe('')
    expect(answer.stdout).not.toContain('\u001b')
    for (const line of answer.stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80)
    expect(answer.stdout).toMatch(/^st-two .*drift no/m)
    expect(answer.stdout).toMatch(/^ {2}st-notes +running +up +open +on +protected +[0-9a-f]+ +\d+ \w+ +this host +0$/m)
    expect(answer.stdout).toMatch(/2 hosts, all is well/)
  })

  test('--limit leaves the other hosts alone', async () => {
    const answer = await statusOf(lab, '--limit', 'st-two')
    expect([...answer.hosts.keys()]).toEqual(['st-two'])
  })
})

test('an app that was stopped by hand is named, with the reason; its data are still protected', async () => {
  await runInHost(one(), ['systemctl', 'stop', 'st-notes'])
  const answer = await statusOf(lab, '--limit', 'st-one')
  expect(answer.code, said(answer)).toBe(1)
  expect(appOf(answer, 'st-notes', 'st-one')).toMatchObject({
    state: 'stopped',
    reason: {
      code: 'stopped',
      text: expect.stringContaining('st-notes.service was stopped'),
      next: expect.stringContaining('provision'),
    },
    replica: { protection: 'protected' },
  })
  expect(appOf(answer, 'st-files', 'st-one').wrong).toEqual([])
  // plan's own comparison
  expect(answer.hosts.get('st-one')?.drift).toMatchObject({
    changes: [{ kind: 'unit', name: 'st-notes.service', action: 'start' }],
  })
  await runInHost(one(), ['systemctl', 'start', 'st-notes'])
  await allWell(lab)
})

test('with Litestream stopped, what the app writes is unprotected, and since when is told', async () => {
  const before = Math.floor(Date.now() / 1000)
  await runInHost(one(), ['systemctl', 'stop', 'st-notes-litestream'])
  await writeRow(one(), app('st-notes').port, 'on the card only')
  const answer = await statusOf(lab, '--limit', 'st-one')
  expect(answer.code, said(answer)).toBe(1)
  const found = appOf(answer, 'st-notes', 'st-one')
  expect(found.replica, said(answer)).toMatchObject({
    protection: 'unprotected',
    text: expect.stringMatching(/^unprotected since .* UTC .*and Litestream does not run/),
  })
  // not before the last proof or upload, which were at most a timer's period ago
  expect(found.replica?.since).toBeGreaterThan(before - 3600)
  expect(codes(found.wrong)).toEqual(expect.arrayContaining(['litestream-down', 'unprotected']))
  const table = await lab.run(['status', '--limit', 'st-one'])
  expect(table.stdout).toMatch(/^ {2}st-notes +running +down +open +on +unprotected /m)
  await runInHost(one(), ['systemctl', 'start', 'st-notes-litestream'])
  await allWell(lab)
})

test('a row that was written just now is on its way, and no lag', async () => {
  for (let n = 0; n < 3; n += 1) {
    await writeRow(one(), app('st-notes').port, `row ${n}`)
    const answer = await statusOf(lab, '--limit', 'st-one')
    expect(answer.code, said(answer)).toBe(0)
    // on a machine that is busy it may still be on its way: that is no fault
    expect(appOf(answer, 'st-notes', 'st-one').replica?.protection).toMatch(/^(protected|behind)$/)
  }
})

describe('what nothing looks after any more', () => {
  const files = () => app('st-files')
  const found = async () => appOf(await statusOf(lab, '--limit', 'st-one'), 'st-files', 'st-one')

  test('is an app without its claim, which a restart gives back with all rows', async () => {
    await writeUploaded(files(), 'claimed')
    for (const lose of ['rm "$1"', ': >"$1"']) {
      await shellInHost(files().host, lose, [memoryOf(files(), 'claim')])
      const answer = await statusOf(lab, '--limit', 'st-one')
      expect(answer.code, said(answer)).toBe(6)
      expect(codes(appOf(answer, 'st-files', 'st-one').wrong)).toEqual(['claim-gone'])
    }
    expect(await rowsAfterRestart(files())).toContain('claimed')
    const after = codes((await found()).wrong)
    expect(after).not.toContain('claim-gone')
    // that files were put aside is told until the next start
    expect(after).toContain('stale-files')
    await rowsAfterRestart(files())
    await allWell(lab)
  })

  test('is an app whose Litestream has lost its place: the replica is ahead of it', async () => {
    for (const row of ['one', 'two', 'three']) await writeUploaded(files(), row)
    const ltx = `${databaseOf(files()).replace(/[^/]*$/, '.$&-litestream')}/ltx/0`
    // the timer's look is two minutes away then, and Litestream at rest: it can be given back what it had
    await runInHost(files().host, ['systemctl', 'start', 'st-files-check.service'])
    await runInHost(files().host, ['systemctl', 'kill', '--signal=STOP', 'st-files-litestream'])
    const newest = (
      await shellInHost(files().host, 'cd "$1" && file=$(ls | tail -n 1) && mv "$file" / && echo "$file"', [ltx])
    ).trim()
    try {
      const answer = await statusOf(lab, '--limit', 'st-one')
      expect(answer.code, said(answer)).toBe(6)
      const lost = appOf(answer, 'st-files', 'st-one')
      expect(lost.replica).toMatchObject({
        protection: 'unprotected',
        databases: [{ remote: newest.slice(17, 33), finding: { code: 'place-lost', path: databaseOf(files()) } }],
      })
      expect(codes(lost.wrong)).toEqual(['place-lost'])
    } finally {
      await shellInHost(files().host, 'mv "/$2" "$1" && systemctl kill --signal=CONT st-files-litestream', [
        ltx,
        newest,
      ])
    }
    await allWell(lab)
  })

  test('is no database that the inventory has by another name: provision is told of, in words', async () => {
    const renamed = { ...own['st-files'], database: undefined, databases: { data: 'data/notes.db' } }
    await lab.rewrite({ apps: { ...parts, 'st-files': renamed } })
    const { replica, wrong } = await found()
    await lab.rewrite({ apps: parts })
    expect(replica).toMatchObject({
      protection: 'unknown',
      text: 'the host was set up for main, and knows no database data yet',
    })
    expect(wrong).toMatchObject([{ code: 'replica-unknown', next: 'run streamside provision' }])
  })
})

describe('with S3 away', () => {
  test.each([
    ['down', stopS3, startS3, /cannot be reached/],
    ['hanging', freezeS3, thawS3, /does not answer in time/],
  ] as const)('%s: unknown, with the reason, in bounded time', async (_, fail, mend, says) => {
    await fail(lab.lab.instance)
    try {
      const began = Date.now()
      const answer = await statusOf(lab)
      expect(answer.code, said(answer)).toBe(1)
      expect(Date.now() - began).toBeLessThan(90_000)
      expect(eventsOf(answer, 'host-done').map((event) => event['execs'])).toEqual([1, 1])
      const found = appOf(answer, 'st-notes', 'st-one')
      expect(found.state).toBe('running')
      expect(found.replica).toMatchObject({ protection: 'unknown', text: expect.stringMatching(says) })
      // what was last read of it is told as such
      expect(found.owner).toMatchObject({ read: false, reason: expect.stringMatching(says), thisHost: true })
      expect(found.wrong.find(({ text }) => says.test(text))).toBeDefined()
      expect(answer.hosts.get('st-one')?.drift).toEqual({ known: true, changes: [] })
    } finally {
      await mend(lab.lab.instance)
    }
    await allWell(lab)
  })
})
