import { readFileSync } from 'node:fs'
import path from 'node:path'
import {
  type App,
  type Host,
  instanceName,
  type Inventory,
  type Replica,
  type S3Replica,
  stateDirectory,
} from '../inventory/model.ts'
import type { Secret } from '../inventory/secret.ts'
import { Problem } from '../problem.ts'
import { databaseKey } from '../replica/owner.ts'
import { ownerPlace } from '../replica/place.ts'
import { environmentLine } from '../templates/quote.ts'
import { render } from '../templates/render.ts'
import { configDirectory } from './places.ts'
import { replicaMountResources, replicaRoot, replicaWritable } from './replica-mount.ts'
import type { Resource } from './resources.ts'

export interface LitestreamInput {
  inventory: Inventory
  app: App
  host: Host
  /** As fetched on the operator's machine: path of the binary there, and its sha256. */
  litestream: { version: string; binary: string; sha256: string }
  account: { user: string; group: string }
  /** Loopback port. */
  metricsPort: number
}

/** Stands for the path that the owner object names: the host knows it, the operator's machine does not (litestream.sh). */
export const pathPlaceholder = 'e0000-00000000'

const authorities = '/usr/local/share/streamside'

/** A versioned path, so that an upgrade is a new file and a change of the unit. */
export function litestreamBinary(version: string): string {
  return `/usr/local/lib/streamside/litestream-${version}/litestream`
}

/** The server's own certificate authority on a host: public, and read by Litestream, which is the app's user. */
export function authorityPath(replica: Pick<S3Replica, 'name'>): string {
  return `${authorities}/${replica.name}.pem`
}

/** The files of an app on a host that say how its replica is reached: address, keys, authorities. */
export function replicaFiles(inventory: Inventory, app: App): string[] {
  const { data, keeper } = ownerPlace(inventory, app)
  const own = ['litestream.yml', 'litestream.env', 'owner.curl'].map((file) => `${configDirectory(app.name)}/${file}`)
  return [...own, authorityPath(data), authorityPath(keeper)]
}

/**
 * Litestream beside one app on one host: binary, configuration, keys, unit.
 * @throws Problem `unknown-replica`, `ownership-chain`, `authority-unreadable`
 */
export function litestreamResources(input: LitestreamInput): Resource[] {
  const { inventory, app, account, litestream, metricsPort } = input
  const { data, keeper } = ownerPlace(inventory, app)
  const binary = litestreamBinary(litestream.version)
  const unit = `${app.name}-litestream.service`
  const config = `${configDirectory(app.name)}/litestream.yml`
  const environment = `${configDirectory(app.name)}/litestream.env`
  const own = { owner: 'root', group: 'root' } as const
  return [
    { kind: 'directory', path: path.posix.dirname(binary), mode: '0755', ...own },
    { kind: 'binary', path: binary, mode: '0755', sha256: litestream.sha256, from: litestream.binary },
    ...[...new Set([data, keeper])].flatMap(authorityResources),
    ...replicaMountResources(app, data),
    { kind: 'file', path: config, mode: '0600', ...own, content: litestreamConfig(input, metricsPort) },
    {
      kind: 'file',
      path: environment,
      mode: '0600',
      ...own,
      ...keysOf(data),
    },
    {
      kind: 'file',
      path: `/etc/systemd/system/${unit}`,
      mode: '0644',
      ...own,
      content: litestreamUnit(app, account, binary, data),
      validate: 'unit',
    },
    {
      kind: 'unit',
      name: unit,
      enabled: true,
      active: true,
      app: app.name,
      // It reads the authority once, at its start.
      runsFrom: [
        `/etc/systemd/system/${unit}`,
        binary,
        config,
        environment,
        ...(data.type === 'file' || data.ca === null ? [] : [authorityPath(data)]),
      ],
    },
  ]
}

/**
 * The folders of an app's databases, each also standing for what is missing of it: below the state directory that directory
 * itself, so that a folder that somebody removed can be made again.
 */
export function databaseFolders(app: App): string[] {
  const state = stateDirectory(app.name)
  const folders = Object.values(app.databases).map((file) => path.posix.dirname(file))
  return [...new Set([...folders.filter((folder) => folder.startsWith(`${state}/`)).map(() => state), ...folders])]
}

function litestreamConfig({ inventory, app, host }: LitestreamInput, metricsPort: number): string {
  const { data } = ownerPlace(inventory, app)
  const instance = instanceName(app, host.name)
  const { snapshotIntervalSeconds, retentionSeconds, syncIntervalSeconds } = app.litestream
  return render('litestream/litestream.yml.hbs', {
    metrics: `127.0.0.1:${metricsPort}`,
    socket: `/run/streamside/socket/${app.name}/litestream.sock`,
    snapshotInterval: `${snapshotIntervalSeconds}s`,
    retention: `${retentionSeconds}s`,
    databases: Object.entries(app.databases).map(([name, file]) => ({
      path: file,
      ...placeOf(data, databaseKey(data, instance, pathPlaceholder, name)),
      syncInterval: `${syncIntervalSeconds}s`,
    })),
  })
}

/** Of a directory nobody has to show a key. */
function keysOf(data: Replica): { content: string; secrets?: Secret[] } {
  if (data.type === 'file') return { content: '' }
  const { accessKeyId, secretAccessKey } = data
  return {
    content:
      `${environmentLine('AWS_ACCESS_KEY_ID', accessKeyId.reveal())}\n` +
      `${environmentLine('AWS_SECRET_ACCESS_KEY', secretAccessKey.reveal())}\n`,
    secrets: [accessKeyId, secretAccessKey],
  }
}

function placeOf(data: Replica, key: string) {
  if (data.type === 'file') return { file: `${data.path}/${key}` }
  return { file: null, endpoint: data.endpoint, region: data.region, bucket: data.bucket, key }
}

function litestreamUnit(app: App, account: { user: string; group: string }, binary: string, data: Replica): string {
  return render('systemd/litestream.service.hbs', {
    app: app.name,
    user: account.user,
    group: account.group,
    folders: databaseFolders(app),
    replica: replicaRoot(data),
    replicaWritable: replicaWritable(data),
    binary,
    ca: data.type === 's3' && data.ca !== null,
    caVariable: `SSL_CERT_FILE=${authorityPath(data)}`,
  })
}

function authorityResources(replica: Replica): Resource[] {
  if (replica.type === 'file' || replica.ca === null) return []
  return [
    { kind: 'directory', path: authorities, mode: '0755', owner: 'root', group: 'root' },
    {
      kind: 'file',
      path: authorityPath(replica),
      mode: '0644',
      owner: 'root',
      group: 'root',
      content: readAuthority(replica, replica.ca),
    },
  ]
}

function readAuthority(replica: S3Replica, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new Problem({
      code: 'authority-unreadable',
      doing: `reading the certificate authority of replica ${replica.name}`,
      found: error instanceof Error ? error.message : String(error),
      next: `mend ca: of replica ${replica.name} in the inventory`,
      exit: 2,
      cause: error,
    })
  }
}
