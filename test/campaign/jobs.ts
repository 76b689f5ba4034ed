import { cp, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pagesApp } from '../hosts/host-state.ts'
import { notesApp, until, writeRow } from '../hosts/site.ts'
import { shellInHost } from '../lab/index.ts'
import { diskLabel, diskRoot, plugAtBoot } from './disk.ts'
import type { Job } from './job.ts'
import { hostNamed, hostNames, type Moment, prefix, type Stage, unitsUp } from './stage.ts'

const [one] = hostNames
const ports = { notes: 8391, pages: 8392 }
const notes = 'camp-notes'
const pages = 'camp-pages'
const rows = ['answered for', 'and in the replica']

const notesUnits = [`${notes}.service`, `${notes}-litestream.service`, `${notes}-check.timer`]
const pagesUnits = [`${pages}.service`]

const declared = () => ({ [notes]: notesApp(one, ports.notes), [pages]: pagesApp(one, ports.pages) })
const provision = ['provision', '--accept-new'] as const

const atEnd = {
  notes: { name: notes, host: one, port: ports.notes, rows },
  pages: { name: pages, host: one, port: ports.pages, rows: null },
}

/** A host that is provisioned and at rest, with rows that the replica holds. Made once a campaign. */
const provisioned = oncePerStage(async (stage) => {
  await stage.backTo(stage.bare)
  await stage.write({ apps: declared() })
  return atRest(stage, 'provisioned')
})

/** Provisions what is declared, and keeps the moment in which its rows are proven to be in the replica. */
async function atRest(stage: Stage, name: string): Promise<Moment> {
  const run = await stage.run([...provision, '--json'])
  if (run.code !== 0) throw new Error(`the first provision ended with ${run.code}:\n${run.stdout}\n${run.stderr}`)
  const host = hostNamed(stage, one)
  for (const row of rows) await writeRow(host, ports.notes, row)
  await until('the replica to hold the rows', 60, async () => {
    const answer = await stage.run(['status', '--json'])
    return answer.stdout.includes('"protection":"protected"') || null
  })
  return stage.keep(name)
}

function oncePerStage(make: (stage: Stage) => Promise<Moment>): (stage: Stage) => Promise<Moment> {
  const made = new WeakMap<Stage, Promise<Moment>>()
  return (stage) => {
    const moment = made.get(stage) ?? make(stage)
    made.set(stage, moment)
    return moment
  }
}

const fresh: Job = {
  name: 'provision-fresh',
  says: 'a bare host gets its packages, two apps and a first launch',
  prepare: async (stage) => stage.bare,
  aim: (stage) => stage.write({ apps: declared() }),
  upAtStart: [],
  command: provision,
  apps: [{ ...atEnd.notes, rows: [] }, atEnd.pages],
  owners: [{ app: notes, holder: one }],
}

/** Another release and other settings of an app. */
async function newRelease(stage: Stage, version: string): Promise<void> {
  const release = path.join(stage.lab.instance.disks, `campaign-release-${version}`)
  await mkdir(release, { recursive: true })
  await cp(path.resolve(import.meta.dirname, '../lab/app'), release, { recursive: true })
  await writeFile(path.join(release, 'version'), `${version}\n`)
  const changed = {
    release: { from: release, command: './notes' },
    environment: { DATABASE: 'data/notes.db', GREETING: 'changed', TOKEN: '!secret notes-token' },
    sandbox: { 'deny-write-execute': false },
  }
  await stage.write({ apps: { ...declared(), [notes]: notesApp(one, ports.notes, changed) } })
}

const change: Job = {
  name: 'provision-change',
  says: 'a new release, a changed unit, a new secret',
  prepare: provisioned,
  aim: (stage) => newRelease(stage, 'two'),
  upAtStart: [{ host: one, units: [...notesUnits, ...pagesUnits] }],
  command: provision,
  apps: [atEnd.notes, atEnd.pages],
  owners: [{ app: notes, holder: one }],
}

/** What somebody did by hand, and what a card did: all of it is found again after a boot. */
const drifted = `
printf '# by hand\\n' >>/etc/systemd/system/${notes}.service
mkdir -p /etc/systemd/system/${pages}.service.d
printf '[Service]\\nNice=5\\n' >/etc/systemd/system/${pages}.service.d/override.conf
systemctl disable --now ${notes}-check.timer 2>/dev/null
chmod 0644 /etc/streamside/apps/${notes}/app.env
rm /opt/${pages}/current/notes
`

const drift: Job = {
  name: 'mend-drift',
  says: 'a unit edited by hand, a drop-in, a timer switched off, a mode, a release with a file less',
  prepare: async (stage) => {
    await stage.backTo(await provisioned(stage))
    await unitsUp(hostNamed(stage, one), notesUnits)
    await shellInHost(hostNamed(stage, one), drifted)
    return stage.keep('drifted')
  },
  aim: (stage) => stage.write({ apps: declared() }),
  upAtStart: [{ host: one, units: [`${notes}.service`, `${notes}-litestream.service`, ...pagesUnits] }],
  command: provision,
  apps: [atEnd.notes, atEnd.pages],
  owners: [{ app: notes, holder: one }],
}

const leave: Job = {
  name: 'leave',
  says: 'an app has left the inventory and goes with --prune, another stays',
  prepare: provisioned,
  aim: (stage) => stage.write({ apps: { [pages]: pagesApp(one, ports.pages) } }),
  upAtStart: [{ host: one, units: [...notesUnits, ...pagesUnits] }],
  command: [...provision, '--prune'],
  apps: [atEnd.pages],
  owners: [{ app: notes, holder: null }],
}

const memos = 'camp-memos'

const rename: Job = {
  name: 'rename',
  says: 'an app gets another name (was:), and keeps its rows',
  prepare: provisioned,
  aim: (stage) =>
    stage.write({
      apps: { [memos]: notesApp(one, ports.notes, { was: notes }), [pages]: pagesApp(one, ports.pages) },
    }),
  upAtStart: [{ host: one, units: [...notesUnits, ...pagesUnits] }],
  command: provision,
  renames: [{ from: notes, to: memos }],
  apps: [{ ...atEnd.notes, name: memos }, atEnd.pages],
  owners: [
    { app: notes, holder: null },
    { app: memos, holder: one },
  ],
}

const onDisk = (more: Record<string, unknown> = {}) => ({
  replicas: { disk: { type: 'file', path: diskRoot, mount: `LABEL=${diskLabel}`, prefix } },
  apps: { [notes]: notesApp(one, ports.notes, { replica: 'disk', ...more }) },
})

const plugged = oncePerStage(async (stage) => {
  await stage.backTo(stage.bare)
  await plugAtBoot(hostNamed(stage, one), stage.disk)
  return stage.keep('plugged')
})

const disk: Job = {
  name: 'directory-fresh',
  says: 'a bare host mounts a disk, and an app gets its replica there',
  prepare: plugged,
  aim: (stage) => stage.write(onDisk()),
  upAtStart: [],
  command: provision,
  disk: true,
  apps: [{ ...atEnd.notes, rows: [] }],
  owners: [{ app: notes, holder: one }],
}

const diskChange: Job = {
  name: 'directory-change',
  says: 'an app with its replica on a disk restarts with another environment',
  prepare: async (stage) => {
    await stage.backTo(await plugged(stage))
    await stage.write(onDisk())
    return atRest(stage, 'on-disk')
  },
  aim: (stage) => stage.write(onDisk({ environment: { DATABASE: 'data/notes.db', GREETING: 'changed' } })),
  upAtStart: [{ host: one, units: [`${notes}.service`, `${notes}-litestream.service`] }],
  command: provision,
  disk: true,
  apps: [atEnd.notes],
  owners: [{ app: notes, holder: one }],
}

/**
 * The bucket of a host that was provisioned, and another machine in its place. Its tip.json, put there anew with the bucket, would show a
 * machine that was alive a moment ago, and the gate would give it its four minutes.
 */
const newCard = oncePerStage(async (stage) => {
  const before = await provisioned(stage)
  const objects = new Map([...before.objects].filter(([key]) => !key.endsWith('/tip.json')))
  await stage.backTo({ ...stage.bare, objects })
  // its host key is one that is known: who vouches for another is no matter of the steps
  await shellInHost(hostNamed(stage, one), 'rm -f /etc/machine-id /var/lib/dbus/machine-id && systemd-machine-id-setup')
  return stage.keep('new-card')
})

const restore: Job = {
  name: 'restore-card',
  says: 'a new card in the place of a dead one: packages, two apps, and the rows of one of them',
  prepare: newCard,
  aim: (stage) => stage.write({ apps: declared() }),
  upAtStart: [],
  command: ['restore', one, '--yes'],
  apps: [atEnd.notes, atEnd.pages],
  owners: [{ app: notes, holder: one }],
}

const update: Job = {
  name: 'update',
  says: 'a new release, its data proven before and after the stop',
  prepare: provisioned,
  aim: (stage) => newRelease(stage, 'three'),
  upAtStart: [{ host: one, units: [...notesUnits, ...pagesUnits] }],
  command: ['update', '--accept-new'],
  apps: [atEnd.notes, atEnd.pages],
  owners: [{ app: notes, holder: one }],
}

/** All that a campaign can disturb. */
export const jobs: readonly Job[] = [fresh, change, drift, leave, rename, disk, diskChange, restore, update]
