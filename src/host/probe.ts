import { Problem } from '../problem.ts'
import { hostProgram } from '../templates/render.ts'
import { encodeField } from './host-encoding.ts'
import type { Observed, ObservedPath, ObservedUnit } from './observed.ts'
import { observedPath, ownPaths } from './probe-paths.ts'
import { parseJournald, rsyslogComplaint, rsyslogUnread } from './logging.ts'
import {
  parseApps,
  parseDatabases,
  parseListener,
  parseOverrides,
  parseReplicas,
  parseServices,
  parseSignature,
  parseUnits,
} from './probe-records.ts'

/** What a probe is asked for. The order of the lists is the order of the answer. */
export interface ProbeRequest {
  /** `as`: the user that looks at it, an app's own for what lies in folders that the app controls. */
  paths: { path: string; sha256: string | null; show: boolean; as: string }[]
  trees: string[]
  /** Databases whose size and owner are asked for; `look`: how they are written, too. */
  databases: { path: string; look: boolean }[]
  /** Units of services, and the user that the inventory gives to its databases. */
  services: { unit: string; user: string | null }[]
  packages: string[]
  users: string[]
  units: string[]
  apps: string[]
  /** Replicas in directories. */
  replicas: { name: string; path: string; prefix: string }[]
  /** Ports that apps want, and the user of each. */
  ports: { port: number; user: string }[]
  /** Say what journald's configuration comes to, with everybody's drop-ins. */
  journald: boolean
  /** Names in /etc/rsyslog.d: say whether rsyslog takes its configuration, and reads these. */
  snippets: string[]
  /** Compare trees by content too (`--verify`). */
  verify: boolean
}

const programs = [
  'probe.sh',
  'probe/machine.sh',
  'probe/paths.sh',
  'probe/records.sh',
  'tree.sh',
  'own-paths.sh',
  'enter.sh',
  'look.sh',
  'rsyslog.sh',
  'services.sh',
  'replicas.sh',
  'host-id.sh',
]

/** The files that make up a probe on its way to a host; `probe.sh` is the program to run among them. */
export function probePayload(request: ProbeRequest): { name: string; content: string }[] {
  const lines = (values: string[]) => values.map((value) => `${value}\n`).join('')
  return [
    ...programs.map((name) => ({ name, content: hostProgram(name) })),
    { name: 'services', content: lines(request.services.map(({ unit, user }) => `${unit} ${user ?? '-'}`)) },
    { name: 'replicas', content: lines(request.replicas.map(({ path, prefix }) => `${path}\t${prefix}`)) },
    {
      name: 'paths',
      content: lines(
        request.paths.map(
          ({ path, sha256, show, as }) => `${sha256 ?? '-'}\t${show ? 1 : 0}\t${as}\t${encodeField(path)}`,
        ),
      ),
    },
    { name: 'trees', content: lines(request.trees.map(encodeField)) },
    {
      name: 'databases',
      content: lines(request.databases.map(({ path, look }) => `${look ? 1 : 0}\t${encodeField(path)}`)),
    },
    { name: 'packages', content: lines(request.packages) },
    { name: 'users', content: lines(request.users) },
    { name: 'units', content: lines(request.units) },
    { name: 'apps', content: lines(request.apps) },
    { name: 'ports', content: lines(request.ports.map(({ port, user }) => `${port} ${user}`)) },
    { name: 'snippets', content: lines(request.snippets) },
    ...(request.journald ? [{ name: 'journald', content: '' }] : []),
    ...(request.verify ? [{ name: 'verify', content: '' }] : []),
  ]
}

/**
 * Reads a probe's answer.
 * @throws Problem `probe-garbled` when it is not whole: every record counts, so half an answer is none.
 */
export function parseProbe(answer: string, request: ProbeRequest, host: string): Observed {
  const lines = answer.split('\n')
  if (lines.at(-1) === '') lines.pop()
  if (lines[0] !== 'streamside-probe\t1' || lines.at(-1) !== 'end')
    throw garbled(host, `the answer is not whole: it ends with ${JSON.stringify(lines.at(-1) ?? '')}`)
  const records = new Map<string, string[][]>()
  for (const line of lines) {
    const [kind = '', ...fields] = line.split('\t')
    const list = records.get(kind)
    if (list) list.push(fields)
    else records.set(kind, [fields])
  }
  const all = (kind: string) => records.get(kind) ?? []
  const first = (kind: string) => {
    const fields = all(kind)[0]
    if (!fields) throw garbled(host, `it says nothing of ${kind}`)
    return fields
  }
  const [id = '', version = '', codename = ''] = first('os')
  const [epoch, synchronized] = first('clock')
  const [total, available] = first('memory')
  return {
    os: { id, version, codename },
    architecture: first('architecture')[0] ?? '',
    systemd: Number(first('systemd')[0]),
    bootId: first('boot-id')[0] ?? '',
    hostname: first('hostname')[0] ?? '',
    hostId: first('host-id')[0] ?? '',
    clock: { epochSeconds: Number(epoch), synchronized: synchronized === 'yes' },
    memory: { totalKib: Number(total), availableKib: Number(available) },
    disks: all('disk').map(([target = '', size, avail, inodes, free]) => ({
      target,
      sizeKib: Number(size),
      availableKib: Number(avail),
      inodes: Number(inodes),
      availableInodes: Number(free),
    })),
    readOnly: all('read-only').map(([target = '']) => target),
    listeners: all('listener').map(parseListener),
    users: new Map(
      all('user').map(([name = '', uid, gid, home = '', shell = '']) => [
        name,
        { uid: Number(uid), gid: Number(gid), home, shell },
      ]),
    ),
    takenIds: new Set((first('ids')[0] ?? '').split(' ').filter(Boolean).map(Number)),
    packages: new Map(
      all('package')
        .filter(([, status = '']) => status.startsWith('ii') || status.startsWith('hi'))
        .map(([name = '', , version = '']) => [name, version]),
    ),
    paths: parsePaths(records, request, host),
    trees: new Map(
      all('tree').map(([index, stat = '', content = '-']) => [
        request.trees[Number(index)] ?? '',
        { stat, content: content === '-' ? null : content },
      ]),
    ),
    databases: parseDatabases(all('database'), all('journal'), request),
    databaseFolders: new Map(
      all('database-folder').map(([index, owner = '', group = '', mode = '']) => [
        request.databases[Number(index)]?.path ?? '',
        { owner, group, mode: mode.padStart(4, '0') },
      ]),
    ),
    services: parseServices(all('service'), all('setting')),
    serviceAccounts: new Map(
      all('account').map(([name = '', uid, gid, group = '']) => [name, { uid: Number(uid), gid: Number(gid), group }]),
    ),
    signatures: new Map(all('signature').map(parseSignature)),
    units: parseUnits(all('show')),
    overrides: parseOverrides(all('override')),
    afterOurs: parseOverrides(all('after-ours')),
    overridesElsewhere: parseOverrides(all('override-elsewhere')),
    started: new Map(all('started').map(([unit = '', digest = '']) => [unit, digest])),
    apps: parseApps(all('app'), all('reason'), all('release')),
    transactions: all('transaction').map(([id = '', state = '', who = '']) => ({
      id,
      state:
        state === 'running' || state === 'attended' ? 'running' : state.startsWith('ended') ? 'ended' : 'interrupted',
      attended: state === 'attended',
      who,
    })),
    ...rsyslogComplaint(all('rsyslog')[0]?.[0]),
    ...rsyslogUnread(all('rsyslog-unread')[0]?.[0]),
    journald: parseJournald(all('journald')[0]?.[0]),
    laid: new Set(all('laid').map(([path = '']) => Buffer.from(path, 'base64').toString())),
    replicas: parseReplicas(all('replica'), all('held'), request),
    manifest: decodedManifest(all('manifest')[0]),
  } satisfies Observed & { units: Map<string, ObservedUnit> }
}

function parsePaths(records: Map<string, string[][]>, request: ProbeRequest, host: string): Map<string, ObservedPath> {
  const path = (index: string | number) => request.paths[Number(index)]?.path ?? ''
  const indexes = (kind: string) => (records.get(kind)?.[0]?.[0] ?? '').split(' ').filter(Boolean)
  const found = indexes('found')
  const stats = records.get('stat') ?? []
  const hashed = indexes('hashed').map((entry) => entry.split(':')[0] ?? '')
  const digests = records.get('sha256') ?? []
  if (stats.length !== found.length || digests.length !== hashed.length)
    throw garbled(host, 'files came or went while it was looking')
  const sums = new Map(hashed.map((index, n) => [index, digests[n]?.[0] ?? '']))
  const contents = new Map((records.get('content') ?? []).map(([index = '', text = '']) => [index, text]))
  const paths = new Map<string, ObservedPath>()
  for (const [index = '', target = ''] of records.get('link') ?? [])
    paths.set(path(index), { type: 'link', target: Buffer.from(target, 'base64').toString() })
  found.forEach((index, n) => {
    paths.set(path(index), observedPath(stats[n] ?? [], sums.get(index) ?? '', contents.get(index)))
  })
  for (const [asked, seen] of ownPaths(records.get('own') ?? [], request, host)) paths.set(asked, seen)
  return paths
}

function decodedManifest(fields: string[] | undefined): string | null {
  return fields?.[0] === undefined ? null : Buffer.from(fields[0], 'base64').toString()
}

function garbled(host: string, found: string): Problem {
  return new Problem({
    code: 'probe-garbled',
    doing: `looking at ${host}`,
    found,
    next: 'run the command again; when it stays so, try `streamside plan --verbose` and read what the host printed',
    host,
  })
}
