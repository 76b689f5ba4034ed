import {
  type App,
  type Host,
  instanceName,
  type Inventory,
  type Replica,
  type S3Replica,
  unitOf,
} from '../inventory/model.ts'
import { ownerPlace } from '../replica/place.ts'
import { instancePrefix } from '../replica/owner.ts'
import { render } from '../templates/render.ts'
import { configDirectory, gateConfigPath } from './places.ts'
import { replicaRoot, replicaWritable } from './replica-mount.ts'
import { mountUnitName } from './storage.ts'
import { authorityPath, databaseFolders, litestreamBinary } from './litestream.ts'
import { type FileResource, impliedFolder, type Resource, resting } from './resources.ts'

export interface GateInput {
  inventory: Inventory
  app: App
  host: Host
  /** That its databases belong to. */
  user: string
  litestream: { version: string }
}

/** What a host's gate, Litestream's check and the timer are told: /etc/streamside/apps/<app>/gate.json. No secrets. */
export interface GateConfig {
  v: 1
  app: string
  user: string
  /** The unit whose starts the gate decides about. */
  unit: string
  /** Of a service: whether databases that are not in WAL mode are switched to it before a start. */
  wal?: 'switch' | 'keep'
  /** The host's inventory name. */
  host: string
  /** The app's name in the replica. */
  instance: string
  /** Where the owner object lies, for people. */
  where: string
  /** Where its data lie, for people, when that is another replica. */
  data?: string
  databases: { name: string; path: string }[]
  /**
   * `url`: folder of owner.json and of <path>/tip.json, in a bucket each segment percent-encoded: curl signs the path as it is
   * given. `root`: where the directory is mounted.
   */
  ownership: { url: string; mode: 'conditional' | 'emulate' } | { url: string; mode: 'directory'; root: string }
  litestream: { binary: string; ca: string | null }
  storage: 'persistent' | 'ephemeral'
  whenUnreachable: 'start' | 'wait'
  offlineLimitSeconds: number
}

/** Where hosts keep what their gates know, a folder an app. */
const memory = '/var/lib/streamside/apps'

/**
 * Gate, timer and their configuration for one app with a database on one host.
 *
 * What the app's unit has to have for them (templates/systemd/app.service.hbs; ownership.md, "Systemd shape that holds"):
 * - `ExecStartPre=+…/launch start-gate.sh APP` (it starts APP-gate.service and waits for it) before anything that may open the database, `TimeoutStartSec=infinity`
 *   (each step of the gate has a limit of its own, a restore one that its progress sets), `Restart=on-failure` and `StartLimitIntervalSec=0`: the gate then runs at each start,
 *   and an app that it holds back comes up by itself.
 * - `After=APP-litestream.service`, so that it stops before Litestream does, and no `Requires=`.
 * - `ExecStopPost=+…/launch stopped.sh APP` and a `TimeoutStopSec=` of 30 s or more for it: without the mark that it leaves, the next
 *   start trusts the files less, and ephemeral storage that the replica does not hold yet would be lost.
 * - Litestream's control socket out of its sight (`InaccessiblePaths=`), and no capability that Litestream has.
 * @throws Problem `unknown-replica`, `ownership-chain`
 */
export function gateResources(input: GateInput): Resource[] {
  const { app, inventory } = input
  const { keeper } = ownerPlace(inventory, app)
  const root = replicaRoot(keeper)
  const replica = replicaWritable(keeper)
  const replicaMount = root === null ? null : mountUnitName(root)
  const folders = databaseFolders(app)
  const checkLimitSeconds = checkSeconds(app)
  const unit = (name: string): FileResource => ({
    kind: 'file',
    path: `/etc/systemd/system/${app.name}-${name}`,
    mode: '0644',
    owner: 'root',
    group: 'root',
    content: render(`systemd/${name}.hbs`, { app: app.name, folders, replica, replicaMount, checkLimitSeconds }),
    validate: 'unit',
  })
  return [
    // What the gate knows of the files here decides whether the app starts on them.
    ...[memory, `${memory}/${app.name}`].map((folder) => impliedFolder(folder, '0700')),
    {
      kind: 'file',
      path: gateConfigPath(app.name),
      mode: '0600',
      owner: 'root',
      group: 'root',
      content: `${JSON.stringify(gateConfig(input), null, 1)}\n`,
      validate: 'json',
    },
    ...(keeper.type === 's3' ? [ownerCurlFile(app, keeper)] : []),
    unit('gate.service'),
    unit('check.service'),
    unit('check.timer'),
    resting(gateUnit(app.name), app.name),
    resting(`${app.name}-check.service`, app.name),
    { kind: 'unit', name: `${app.name}-check.timer`, enabled: true, active: true, runsFrom: [], app: app.name },
  ]
}

/** The unit that decides about an app's starts. */
export function gateUnit(app: string): string {
  return `${app}-gate.service`
}

/**
 * Seconds a run of check.sh may take: above the sum of its steps' own limits where a server hangs in the middle of it, 60 s a
 * database (sync, plan, one past path) and 90 s for the lock, the owner object and tip.json.
 */
export function checkSeconds(app: App): number {
  return 90 + 60 * Object.keys(app.databases).length
}

/** What `gate.json` holds. */
export function gateConfig({ inventory, app, host, user, litestream }: GateInput): GateConfig {
  const { data, keeper, emulate } = ownerPlace(inventory, app)
  const instance = instanceName(app, host.name)
  return {
    v: 1,
    app: app.name,
    user,
    unit: unitOf(app),
    ...(app.service === null ? {} : { wal: app.litestream.switchToWal ? ('switch' as const) : ('keep' as const) }),
    host: host.name,
    instance,
    where: whereText(keeper),
    ...(data === keeper ? {} : { data: whereText(data) }),
    databases: Object.entries(app.databases).map(([name, file]) => ({ name, path: file })),
    ownership:
      keeper.type === 'file'
        ? {
            url: `${keeper.path}/${instancePrefix(keeper, instance)}`.replace(/\/$/, ''),
            mode: 'directory',
            root: keeper.path,
          }
        : { url: ownerUrl(keeper, instance), mode: emulate ? 'emulate' : 'conditional' },
    litestream: {
      binary: litestreamBinary(litestream.version),
      ca: data.type === 's3' && data.ca !== null ? authorityPath(data) : null,
    },
    storage: app.storage.kind,
    whenUnreachable: app.whenReplicaUnreachable,
    offlineLimitSeconds: app.offlineLimitSeconds,
  }
}

function whereText(keeper: Replica): string {
  const place = keeper.type === 'file' ? keeper.path : `${keeper.endpoint}, bucket ${keeper.bucket}`
  return `replica ${keeper.name} (${place})`
}

// S3 signs the path as the server writes it: every segment percent-encoded but for A-Z a-z 0-9 - . _ ~ (AWS, "Signature
// Version 4", UriEncode). curl 7.88 takes it as it is given.
function ownerUrl(keeper: S3Replica, instance: string): string {
  const key = `${keeper.bucket}/${instancePrefix(keeper, instance)}`.replace(/\/$/, '')
  return `${keeper.endpoint}/${key.split('/').map(uriEncode).join('/')}`
}

function uriEncode(segment: string): string {
  return encodeURIComponent(segment).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}

function ownerCurlFile(app: App, keeper: S3Replica): FileResource {
  return {
    kind: 'file',
    path: `${configDirectory(app.name)}/owner.curl`,
    mode: '0600',
    owner: 'root',
    group: 'root',
    content: ownerCurl(keeper),
    secrets: [keeper.accessKeyId, keeper.secretAccessKey],
  }
}

/** A `curl -K` file: keys and authority of the replica that keeps the owner objects, so that none of it stands in argv. */
function ownerCurl(keeper: S3Replica): string {
  const lines = [
    `aws-sigv4 = ${curlText(`aws:amz:${keeper.region}:s3`)}`,
    `user = ${curlText(`${keeper.accessKeyId.reveal()}:${keeper.secretAccessKey.reveal()}`)}`,
    ...(keeper.ca === null ? [] : [`cacert = ${curlText(authorityPath(keeper))}`]),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

// curl(1), "--config": within double quotes \\ \" \t \n \r \v are escapes.
function curlText(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t')}"`
}
