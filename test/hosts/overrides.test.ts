import { beforeAll, expect, test } from 'vitest'
import { shellInHost } from '../lab/index.ts'
import { begin, type Gated, gated, gatedApps, loseDatabase, rowsOnceUp, stop, writeUploaded } from './gated.ts'
import { changesOf, mainPid } from './host-state.ts'
import { eventsOf, readRows, type Run, type Site, site, until, writeRow } from './site.ts'

const parts = gatedApps('ovr-one', 8281, ['ovr-notes'])
let lab: Site
let app: Gated

beforeAll(async () => {
  lab = await site('overrides', [{ name: 'ovr-one' }], { apps: parts })
  app = gated(lab, 'overrides', parts, 'ovr-notes')
  await lab.provision()
  await writeUploaded(app, 'one', 'two')
})

const dropIn = (unit: string) => `/etc/systemd/system/ovr-notes-${unit}.service.d/override.conf`
const doesNothing = (path: string) =>
  shellInHost(
    app.host,
    `mkdir -p "\${1%/*}"; printf '[Service]\\nExecStart=\\nExecStart=/bin/true\\n' >"$1"; systemctl daemon-reload`,
    [path],
  )

const pids = () =>
  Promise.all(['ovr-notes.service', 'ovr-notes-litestream.service'].map((unit) => mainPid(app.host, unit)))

/** Named by plan and by status, and there is nothing left of it once it is mended. */
async function mended(changes: string[]): Promise<Run> {
  const plan = await lab.run(['plan', '--json'])
  expect(plan.code).toBe(7)
  expect(changesOf(plan)).toEqual(changes)
  const status = await lab.run(['status'])
  expect(status.stdout + status.stderr).toContain(`drift yes (${changes.length})`)
  const run = await lab.provision()
  expect(changesOf(run)).toEqual(changes)
  const again = await lab.provision()
  expect(changesOf(again)).toEqual([])
  expect(eventsOf(again, 'host-done').map((event) => event['execs'])).toEqual([1])
  return run
}

test('an app that came past a gate which was made to do nothing is restarted through it, and has its rows again', async () => {
  await stop(app)
  await doesNothing(dropIn('gate'))
  await loseDatabase(app)
  await begin(app, 'start')
  await until('the app without its rows', 30, async () =>
    (await readRows(app.host, app.port).catch(() => null))?.length === 0 ? true : null,
  )
  // Litestream was up all the while: what is written now must not reach what the replica holds
  await writeRow(app.host, app.port, 'past the gate')
  await new Promise((resolve) => setTimeout(resolve, 5000))
  const [before] = await pids()
  await mended([`remove ${dropIn('gate')}`, 'restart ovr-notes.service'])
  expect(await rowsOnceUp(app)).toEqual(['one', 'two'])
  expect((await pids())[0]).not.toBe(before)
  expect(await shellInHost(app.host, 'cat /var/lib/streamside/set-aside/*"$1" | tail -n 1', [dropIn('gate')])).toBe(
    'ExecStart=/bin/true\n',
  )
})

test('so is one whose gate is as it should be again', async () => {
  await doesNothing(dropIn('gate'))
  await stop(app)
  await begin(app, 'start')
  await rowsOnceUp(app)
  await shellInHost(app.host, 'rm -r "${1%/*}"; systemctl daemon-reload', [dropIn('gate')])
  await mended(['restart ovr-notes.service'])
  expect(await rowsOnceUp(app)).toEqual(['one', 'two'])
})

test.each(['gate', 'check'])('a drop-in over the %s that nothing was started with takes no restart', async (unit) => {
  const before = await pids()
  await doesNothing(dropIn(unit))
  await mended([`remove ${dropIn(unit)}`])
  expect(await pids()).toEqual(before)
  expect(await rowsOnceUp(app)).toEqual(['one', 'two'])
})

test('a unit file that systemd reads in place of the gate is named, and nothing is begun before it is moved away', async () => {
  const shadow = '/etc/systemd/system.control/ovr-notes-gate.service'
  await shellInHost(
    app.host,
    `mkdir -p "\${1%/*}"; printf '[Service]\\nType=oneshot\\nExecStart=/bin/true\\n' >"$1"; systemctl daemon-reload`,
    [shadow],
  )
  const run = await lab.provision([], 1)
  expect(eventsOf(run, 'problem')).toMatchObject([
    { problem: { code: 'in-the-way', found: expect.stringContaining(shadow) } },
  ])
  await shellInHost(app.host, 'rm "$1"; systemctl daemon-reload', [shadow])
  expect(changesOf(await lab.provision())).toEqual([])
})

test('a drop-in where packages have theirs is named by each run, and the app goes through its gate once that is gone', async () => {
  const bent = '/usr/local/lib/systemd/system/ovr-notes-gate.service.d/bent.conf'
  await stop(app)
  await doesNothing(bent)
  await begin(app, 'start')
  await rowsOnceUp(app)
  for (let run = 0; run < 2; run += 1) {
    const provisioned = await lab.provision()
    expect(changesOf(provisioned)).toEqual([])
    expect(eventsOf(provisioned, 'warning')).toMatchObject([
      { code: 'override-elsewhere', message: expect.stringContaining(bent) },
    ])
  }
  await shellInHost(app.host, 'rm -r "${1%/*}"; systemctl daemon-reload', [bent])
  await mended(['restart ovr-notes.service'])
  expect(await rowsOnceUp(app)).toEqual(['one', 'two'])
})
