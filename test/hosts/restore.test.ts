import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Owner } from '../../src/replica/owner.ts'
import {
  boot,
  type CardImage,
  cutPower,
  deleteObjects,
  environmentOf,
  getObject,
  insertCardImage,
  keepCard,
  killIfThere,
  type LabHost,
  listObjects,
  putObject,
  setFaults,
  shellInHost,
  wipe,
} from '../lab/index.ts'
import { enter, onTerminal } from '../terminal/terminal.ts'
import { proven } from './directory-site.ts'
import {
  begin,
  chainOf,
  databaseOf,
  folderOf,
  type Gated,
  gated,
  loseDatabase,
  problemOf,
  readOwner,
  refused,
  rowsOnceUp,
  spoil,
  stop,
} from './gated.ts'
import { changesOf } from './host-state.ts'
import { eventsOf, notesApp, type Run, type Site, site, writeRow } from './site.ts'

// A card has died, and a freshly flashed one is in the machine: `restore HOST` (ownership.md, "Restore a host").
const name = 'rst-one'
const apps = {
  'rst-pair': notesApp(name, 8501, {
    database: undefined,
    databases: { main: 'data/notes.db', log: 'data/log.db' },
    environment: { DATABASES: 'main=data/notes.db,log=data/log.db' },
  }),
  'rst-solo': notesApp(name, 8502),
}
let lab: Site
let host: LabHost
let pair: Gated
let solo: Gated
let first: CardImage

const restore = (...args: string[]) => lab.run(['restore', name, '--json', ...args])
const problems = (run: Run) => eventsOf(run, 'problem').map(({ problem }) => problem as Record<string, string>)
const codes = (run: Run) => problems(run).map(({ code }) => code)
const logRows = async () => {
  const answer = await shellInHost(host, 'curl -fsS --max-time 10 http://127.0.0.1:8501/rows/log')
  return (JSON.parse(answer) as { text: string }[]).map(({ text }) => text)
}
const isUp = async (app: Gated) =>
  (await shellInHost(host, 'systemctl is-active "$1" || :', [app.name])).trim() === 'active'

async function shownKey(): Promise<string> {
  const said = await shellInHost(host, 'ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub')
  return said.split(' ')[1] ?? '?'
}

/** Nobody has shown themselves under the apps' paths for long: tip.json is what a living machine writes every two minutes. */
async function longAgo(): Promise<void> {
  for (const app of [pair, solo])
    await deleteObjects(lab.lab.instance, `${app.prefix}${(await readOwner(app)).path}/tip.json`)
}

/** All of the rows are there, and the replica is proven to hold them under the new path. */
async function isBack(): Promise<void> {
  expect(await rowsOnceUp(pair)).toEqual(['first', 'second'])
  expect(await logRows()).toEqual(['logged'])
  expect(await rowsOnceUp(solo)).toEqual(['alone'])
  for (const app of [pair, solo]) await proven(app)
}

beforeAll(async () => {
  lab = await site('restore', [{ name }], { apps })
  host = lab.host(name)
  pair = gated(lab, 'restore', apps, 'rst-pair')
  solo = gated(lab, 'restore', apps, 'rst-solo')
  await lab.provision()
  for (const text of ['first', 'second']) await writeRow(host, 8501, text)
  await writeRow(host, 8502, 'alone')
  await shellInHost(host, 'curl -fsS --data-binary logged http://127.0.0.1:8501/rows/log')
  for (const app of [pair, solo]) await proven(app)
})

describe('a new card', () => {
  let before: Owner

  beforeAll(async () => {
    before = await readOwner(pair)
    await cutPower(host)
    first = await keepCard(host, 'first')
    await wipe(host)
  })

  test('shows a key that nobody has vouched for: nothing is done', async () => {
    expect(codes(await lab.provision([], 3))).toEqual(['host-key-changed'])
    const shown = await shownKey()
    const asked = await restore('--yes')
    expect(asked.code).toBe(3)
    expect(problems(asked)[0]).toMatchObject({
      code: 'host-key-changed',
      next: expect.stringContaining(`--host-key ${shown}`),
    })
    const wrong = await restore('--yes', '--host-key', `SHA256:${'A'.repeat(43)}`)
    expect(wrong.code).toBe(3)
    expect(problems(wrong)[0]?.['found']).toContain(shown)
  })

  test('is asked about on a terminal: its key, then what would be taken over', async () => {
    const { code, screen } = await onTerminal(
      [process.execPath, path.resolve('src/bin.ts'), 'restore', name, '--inventory', lab.inventory],
      [
        { after: 'the old ones may go? (yes/no)', type: `yes${enter}` },
        { after: 'when it comes back. (yes/no)', type: `no${enter}` },
      ],
      { env: { ...process.env, ...(await environmentOf(lab.lab.instance)), NO_COLOR: '1' } },
    )
    const shown = screen.replaceAll(/\s+/g, ' ')
    expect(shown).toContain(`shown: ED25519 ${await shownKey()}`)
    expect(shown).toContain(`${name} rst-pair: taken over (held by ${name}, machine`)
    expect(shown).toMatch(new RegExp(`main from ${before.path}: up to transaction [0-9a-f]+, uploaded .* UTC`))
    expect(shown).toContain('the answer was no')
    expect(code).toBe(1)
    expect(await readOwner(pair)).toEqual(before)
  })

  test('is shown what would be taken over in a script, and nothing is, without --yes', async () => {
    const asked = await restore()
    expect(asked.code, asked.stderr).toBe(2)
    expect(codes(asked)).toEqual(['not-confirmed'])
    expect(eventsOf(asked, 'restore-source')).toEqual([
      expect.objectContaining({
        app: 'rst-pair',
        action: 'take-over',
        epoch: 1,
        holder: before.holder,
        path: before.path,
        databases: [
          { name: 'main', proven: expect.any(String), newest: expect.any(String), writtenAt: expect.any(String) },
          { name: 'log', proven: expect.any(String), newest: expect.any(String), writtenAt: expect.any(String) },
        ],
      }),
      expect.objectContaining({ app: 'rst-solo', action: 'take-over' }),
    ])
    const dry = await restore('--dry-run')
    expect(dry.code, dry.stderr).toBe(0)
    expect(eventsOf(dry, 'restore-source')).toHaveLength(2)
    const run = await lab.provision([], 1)
    expect(codes(run)).toEqual(['held-by-another-host'])
    expect(problems(run)[0]?.['next']).toContain(`streamside restore ${name}`)
    expect(await readOwner(pair)).toEqual(before)
    expect(await shellInHost(host, 'ls -d /etc/streamside /var/lib/rst-pair 2>/dev/null || :')).toBe('')
  })

  test('comes back with all rows of all databases, under a path of its own', async () => {
    await longAgo()
    const run = await restore('--yes')
    expect(run.code, run.stdout + run.stderr).toBe(0)
    await isBack()
    const owner = await readOwner(pair)
    expect(owner).toMatchObject({ epoch: 2, from: null, uid: before.uid, dbs: before.dbs })
    expect(owner.past.at(-1)).toMatchObject({ path: before.path, host: name })
    const [restored] = eventsOf(run, 'restored')
    expect(restored).toMatchObject({
      app: 'rst-pair',
      epoch: 2,
      path: owner.path,
      secondsToHealthy: expect.any(Number),
    })
    const end = Object.entries(owner.past.at(-1)?.end ?? {})
    expect(restored?.['databases']).toEqual(
      expect.arrayContaining(end.map(([db, txid]) => ({ name: db, txid, ageSeconds: expect.any(Number) }))),
    )
    expect(eventsOf(run, 'restored')).toHaveLength(2)
  })

  test('has nothing left to restore: its data are left alone', async () => {
    const identity = () => shellInHost(host, 'stat -c "%i %s %Y" "$1"', [databaseOf(pair)])
    const owner = await readOwner(pair)
    const file = await identity()
    const again = await restore()
    expect(again.code, again.stderr).toBe(0)
    expect(changesOf(again)).toEqual([])
    expect(eventsOf(again, 'restore-source').map(({ action }) => action)).toEqual(['here', 'here'])
    expect(eventsOf(again, 'restored')).toEqual([])
    expect(await readOwner(pair)).toEqual(owner)
    expect(await identity()).toBe(file)
  })
})

describe('the first card, booted again', () => {
  let second: CardImage

  test('does not serve, writes nothing into the new path, and is not restored over', async () => {
    const owner = await readOwner(pair)
    const under = async () =>
      (await listObjects(lab.lab.instance, `${pair.prefix}${owner.path}/`)).map(({ key, etag }) => `${key} ${etag}`)
    await cutPower(host)
    second = await keepCard(host, 'second')
    await insertCardImage(host, first)
    const objects = await under()
    await boot(host)
    await refused(pair, 'other-holder')
    expect(await isUp(pair)).toBe(false)
    const run = await restore('--yes', '--host-key', await shownKey())
    expect(run.code).toBe(1)
    expect(codes(run)).toEqual(['restore-over-data', 'restore-over-data'])
    expect(problems(run)[0]?.['next']).toContain('--discard-local')
    expect(await readOwner(pair)).toEqual(owner)
    expect(await under()).toEqual(objects)
  })

  test('and the second one goes on where it was', async () => {
    await cutPower(host)
    await insertCardImage(host, second)
    await boot(host)
    await isBack()
  })
})

describe('a restore that is cut off', () => {
  /** Kills the run as soon as it says this. */
  async function killedAt(words: RegExp, ...args: string[]): Promise<void> {
    let pid = 0
    await lab.run(['restore', name, '--json', '--yes', ...args], {
      onStart: (started) => (pid = started),
      onLine: (line) => {
        if (words.test(line)) killIfThere(pid)
      },
    })
  }

  test('before and after it has taken the apps over: the next run goes on, and takes nothing over twice', async () => {
    await wipe(host)
    const { instance } = lab.lab
    await setFaults(instance, [{ method: 'PUT', path: '.*/owner\\.json.*', do: { kind: 'hang' } }])
    await killedAt(/"step":"(start|restart|health)"/, '--host-key', await shownKey())
    await setFaults(instance, [])
    expect((await readOwner(pair)).epoch).toBe(2)
    await killedAt(/owner object of rst-pair/)
    const owner = await readOwner(pair)
    expect(owner.epoch).toBe(3)
    // A machine that may still be running is given the time to upload its last rows.
    const reason = await refused(pair, 'source-alive')
    expect(reason.text).toMatch(/is given until 20\S+Z to upload its last rows/)
    expect(await shellInHost(host, 'find /var/lib/rst-pair -name "*.db*"')).toBe('')
    for (const app of [pair, solo]) {
      const from = (await readOwner(app)).from as { path: string }
      await deleteObjects(lab.lab.instance, `${app.prefix}${from.path}/tip.json`)
    }
    await isBack()
    const again = await restore('--yes')
    expect(again.code, again.stdout + again.stderr).toBe(0)
    expect((await readOwner(pair)).path).toBe(owner.path)
  })
})

describe('a chain with a hole', () => {
  test('is refused with nothing started, and taken up once it is whole', async () => {
    await wipe(host)
    const chain = (await chainOf(solo)).map(({ key }) => key)
    const putBack = await spoil(solo, chain, () => null)
    const lost = await restore('--yes', '--host-key', await shownKey())
    expect(lost.code).toBe(6)
    expect(problemOf(lost, 'rst-solo')).toMatchObject({ code: 'restore-lost' })
    expect((await readOwner(solo)).epoch).toBe(3)
    await putBack()

    await longAgo()
    const mend = await spoil(solo, chain, (body) => body.subarray(0, body.length / 2))
    const run = await restore('--yes')
    expect(run.code, run.stdout).toBe(6)
    expect(problemOf(run, 'rst-solo')['code']).toMatch(/^gate-(object-damaged|chain-gap)$/)
    expect(await isUp(solo)).toBe(false)
    expect(await shellInHost(host, 'find /var/lib/rst-solo -name "notes.db*"')).toBe('')
    expect(await rowsOnceUp(pair)).toEqual(['first', 'second'])
    await mend()
    await isBack()
  })
})

describe('files that lie on the host, with --discard-local,', () => {
  const aside = () => shellInHost(host, 'grep -rla "$2" "$1/.streamside-aside"', [folderOf(solo), 'younger'])
  const objects = async () => {
    const keys = (await listObjects(lab.lab.instance, solo.prefix)).map(({ key }) => key)
    return new Map(await Promise.all(keys.map(async (key) => [key, await getObject(lab.lab.instance, key)] as const)))
  }

  test('are put aside when the bucket has gone back, and people go back with it', async () => {
    const { instance } = lab.lab
    const then = await objects()
    // another epoch, by the host itself, and a row that the bucket is to lose
    await stop(solo)
    await loseDatabase(solo)
    await begin(solo, 'start')
    expect(await rowsOnceUp(solo)).toEqual(['alone'])
    await writeRow(host, 8502, 'younger')
    await proven(solo)
    await stop(solo)
    await deleteObjects(instance, solo.prefix)
    for (const [key, body] of then) if (body !== null) await putObject(instance, key, body)
    await begin(solo, 'start')
    await refused(solo, 'rolled-back')
    const owner = await readOwner(solo)

    const asked = await restore('--yes')
    expect(asked.code).toBe(1)
    expect(problemOf(asked, 'rst-solo')).toMatchObject({
      code: 'restore-goes-back',
      next: expect.stringContaining(`streamside restore ${name} --discard-local`),
    })
    expect(await readOwner(solo)).toEqual(owner)
    const shown = await restore('--dry-run', '--discard-local')
    expect(eventsOf(shown, 'restore-source').map(({ app, action, discarded }) => ({ app, action, discarded }))).toEqual(
      [
        { app: 'rst-pair', action: 'here', discarded: [] },
        { app: 'rst-solo', action: 'take-over', discarded: ['main'] },
      ],
    )
    await longAgo()
    const run = await restore('--yes', '--discard-local')
    expect(run.code, run.stdout + run.stderr).toBe(0)
    await isBack()
    expect(await aside()).toContain('/notes.db')
    const again = await restore('--yes', '--discard-local')
    expect(again.code, again.stderr).toBe(0)
    expect(changesOf(again)).toEqual([])
  })

  test('are put aside when the card of long ago is to be used again', async () => {
    await cutPower(host)
    await insertCardImage(host, first)
    await boot(host)
    await refused(solo, 'other-holder')
    await longAgo()
    const key = ['--host-key', await shownKey()]
    expect(codes(await restore('--yes', ...key))).toEqual(['restore-over-data', 'restore-over-data'])
    const run = await restore('--yes', '--discard-local', ...key)
    expect(run.code, run.stdout + run.stderr).toBe(0)
    await isBack()
    expect(await shellInHost(host, 'find "$1/.streamside-aside" -name notes.db', [folderOf(pair)])).not.toBe('')
  })
})
