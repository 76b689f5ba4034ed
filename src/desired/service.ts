import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { App, Host, Service } from '../inventory/model.ts'
import { Problem } from '../problem.ts'
import { render } from '../templates/render.ts'
import { environmentFiles } from './environment.ts'
import { databaseFolders } from './litestream.ts'
import { configDirectory } from './places.ts'
import type { DirectoryResource, FileResource, Resource } from './resources.ts'
import { serviceFile, serviceFoldersOf } from './user-files.ts'

/** The user that an app's databases belong to on one host, as which Litestream and the gate's commands work on them. */
export interface Account {
  user: string
  group: string
  uid: number
  gid: number
}

/** What a service is on one host, beside what the inventory says. */
export interface ServiceFacts {
  account: Account
  /** Something else starts it, or it ends when it has done its work: it is not expected to be up. */
  onDemand: boolean
  /** systemd's word for whether it is started at boot. */
  unitFileState: string
  /** Settings of the unit's own files, as they stand there: Restart, RestartSec, RestartPreventExitStatus, TimeoutStopSec, TimeoutSec. */
  own: ReadonlyMap<string, string>
  /** How it was before it was adopted, for the day on which it is given back. */
  before: { enabled: boolean; active: boolean }
}

export interface ServiceOnHost {
  app: App
  host: Host
  service: Service
  facts: ServiceFacts
}

/** The drop-in over a service's unit. Read after other people's, for an `ExecCondition=` of theirs may empty the list that the gate is in. */
export function dropInPath(unit: string): string {
  return `/etc/systemd/system/${unit}.d/zz-streamside.conf`
}

/** Seconds that the proof after a stop may need (stopped.sh: the lock, a sync of each database, the owner object). */
const stopSeconds = 60

/** States of a unit file for which there is nothing to enable: something else starts the unit, or it says nothing of when. */
const notEnabled = new Set(['static', 'indirect', 'generated', 'transient', 'alias', 'linked', 'linked-runtime'])

/**
 * What streamside lays around a service: never a file of its package.
 * @throws Problem `unit-unreadable`, `environment`, `file-unreadable`, `template`
 */
export function serviceResources({ app, host, service, facts }: ServiceOnHost): Resource[] {
  const { account } = facts
  const unitFile = service.from === null ? [] : [ownUnit(app, service.unit, service.from)]
  const environment = Object.keys(app.environment).length > 0 ? environmentFiles(app) : []
  const files = Object.entries(app.files).map(([target, file]) => serviceFile(app, host, target, file, account.group))
  const laid = [...unitFile, ...environment, ...files]
  const isGated = Object.keys(app.databases).length > 0
  // Without a database it only records what it was started from, so that a change restarts it.
  const dropIn =
    isGated || laid.length > 0 || app.sandbox.memoryDenyWriteExecute ? [adoption(app, service, facts, environment)] : []
  return [
    ...[...(service.package === null ? [] : [service.package]), ...app.packages].map(
      (name) => ({ kind: 'package', name }) as const,
    ),
    { kind: 'directory', path: configDirectory(app.name), mode: '0700', owner: 'root', group: 'root' },
    ...databaseFoldersOf(app, account),
    ...serviceFoldersOf(files),
    ...laid,
    ...dropIn,
    {
      kind: 'unit',
      name: service.unit,
      enabled: !notEnabled.has(facts.unitFileState),
      active: true,
      ...(facts.onDemand ? { onDemand: true as const } : {}),
      app: app.name,
      adopted: true,
      runsFrom: [...laid, ...dropIn].map((file) => file.path),
    },
  ]
}

/** A folder that is there is the package's, and stays as it is; SQLite and Litestream need one that is not. */
function databaseFoldersOf(app: App, { user, group }: Account): DirectoryResource[] {
  const folders = [...new Set(Object.values(app.databases).map((file) => path.posix.dirname(file)))].sort()
  return folders.map((folder) => ({
    kind: 'directory',
    path: folder,
    onlyMade: true,
    mode: '0755',
    owner: user,
    group,
  }))
}

function ownUnit(app: App, unit: string, from: string): FileResource {
  return {
    kind: 'file',
    path: `/etc/systemd/system/${unit}`,
    mode: '0644',
    owner: 'root',
    group: 'root',
    content: unitText(app, from),
    validate: 'unit',
  }
}

function adoption(app: App, { unit }: Service, { own }: ServiceFacts, environment: FileResource[]): FileResource {
  return {
    kind: 'file',
    path: dropInPath(unit),
    mode: '0644',
    owner: 'root',
    group: 'root',
    content: render('systemd/adopted.conf.hbs', {
      app: app.name,
      unit,
      gated: Object.keys(app.databases).length > 0,
      environment: environment.map((file) => file.path),
      folders: databaseFolders(app),
      restart: restartOf(own.get('Restart')),
      restartSeconds: own.has('RestartSec') ? null : '5',
      timeoutStop: timeoutStopOf(own.get('TimeoutStopSec') ?? own.get('TimeoutSec')),
      restartPrevented: own.has('RestartPreventExitStatus'),
      memoryDenyWriteExecute: app.sandbox.memoryDenyWriteExecute,
    }),
    validate: 'drop-in',
  }
}

/** A service that its gate holds back comes up by itself only if it is started again after a failure; what restarts it more often stays. */
function restartOf(own: string | undefined): string | null {
  if (own === 'always' || own === 'on-failure') return null
  return own === 'on-success' ? 'always' : 'on-failure'
}

/** systemd's own 90 s are enough, a unit's shorter limit is not. Lengths other than plain seconds are longer than that. */
function timeoutStopOf(own: string | undefined): string | null {
  const seconds = /^(\d+)\s*(s|sec|seconds?)?$/.exec(own ?? '')
  return seconds !== null && Number(seconds[1]) > 0 && Number(seconds[1]) < stopSeconds ? String(stopSeconds) : null
}

/**
 * The settings of a unit file of the user's, as far as they matter before the host has it.
 * @throws Problem `unit-unreadable`
 */
export function settingsOf(app: App, from: string): Map<string, string> {
  const lines = unitText(app, from).split('\n')
  return new Map(
    lines.flatMap((line) => {
      const found = /^\s*([A-Za-z]+)\s*=\s*(.*?)\s*$/.exec(line)
      return found ? [[found[1] ?? '', found[2] ?? ''] as const] : []
    }),
  )
}

function unitText(app: App, from: string): string {
  try {
    return readFileSync(from, 'utf8')
  } catch (error) {
    throw new Problem({
      code: 'unit-unreadable',
      doing: `reading the unit file ${from} of ${app.name}`,
      found: error instanceof Error ? error.message : String(error),
      next: `mend service.from of ${app.name} in the inventory, or make the file readable`,
      app: app.name,
      exit: 2,
      cause: error,
    })
  }
}
