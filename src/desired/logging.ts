import { type Host, type Inventory, loggedAs, type Logs } from '../inventory/model.ts'
import { render } from '../templates/render.ts'
import { journaldFile, journalSettings } from './journal.ts'
import { showsCertificate, tlsFiles, tlsResources } from './log-tls.ts'
import { type FileResource, impliedFolder, type Resource, resting } from './resources.ts'
import { allowedSenders } from './senders.ts'

const clientFile = '/etc/rsyslog.d/10-streamside.conf'
const serverFile = '/etc/rsyslog.d/05-streamside-server.conf'
const tables = '/etc/rsyslog.d/streamside'
const dropIn = '/etc/systemd/system/rsyslog.service.d/50-streamside.conf'

/**
 * What a log server receives. Setgid, so that the folders in it and all that lies in those is adm's: rsyslog gives that group to what it
 * opens first, and not to what it goes on in after a rotation.
 */
const received = { kind: 'directory', path: '/var/log/hosts', mode: '2750', owner: 'root', group: 'adm' } as const

/** Whether a host is one of the inventory's log servers. */
export function isLogServer({ logs }: Inventory, host: string): boolean {
  return logs?.servers.some((server) => server.kind === 'host' && server.host === host) ?? false
}

/** Whether a path below /etc/rsyslog.d, or rsyslog.conf, is laid by streamside. */
export function isLoggingFile(path: string): boolean {
  return path === clientFile || path === serverFile || path.startsWith(`${tables}/`)
}

/** Logging of a host: journald, what it forwards and, on a log server, what it receives. Nothing without `logs` in the inventory. */
export function loggingResources(inventory: Inventory, host: Host): Resource[] {
  const { logs } = inventory
  if (!logs) return []
  const journald: FileResource = {
    ...configFile(journaldFile, render('journald/streamside.conf.hbs', { settings: journalSettings(logs) })),
    validate: 'journald',
  }
  const journal: Resource[] = [
    journald,
    {
      kind: 'unit',
      name: 'systemd-journald.service',
      enabled: false,
      active: true,
      packaged: true,
      runsFrom: [journald.path],
    },
  ]
  if (logs.servers.length === 0) return journal
  const client = clientConfig(logs, host)
  const server = isLogServer(inventory, host.name) ? serverFiles(inventory, logs, host) : []
  const proof = client === null && server.length === 0 ? [] : tlsResources(logs, host)
  const read = [...proof, ...(client === null ? [] : [client]), ...server]
  return [
    // rsyslog only recommends it, and without it nothing ever shortens /var/log/syslog
    ...['rsyslog', 'logrotate', ...(proof.length > 0 ? ['rsyslog-openssl'] : [])].map(
      (name) => ({ kind: 'package', name }) as const,
    ),
    ...journal,
    ...(server.length > 0 ? [received] : []),
    ...(read.some(({ path }) => path.startsWith(`${tables}/`)) ? [impliedFolder(tables, '0755')] : []),
    ...read,
    {
      kind: 'unit',
      name: 'rsyslog.service',
      enabled: true,
      active: true,
      packaged: true,
      runsFrom: read.filter(({ path }) => path.startsWith('/etc/rsyslog.d/')).map(({ path }) => path),
      ...(server.length > 0 ? { listens: logs.port } : {}),
    },
    ...(server.length > 0
      ? [
          resting('streamside-logs.service'),
          {
            kind: 'unit' as const,
            name: 'streamside-logs.timer',
            enabled: true,
            active: true,
            runsFrom: [],
          },
        ]
      : []),
  ]
}

/** null on a host whose only log server is itself. */
function clientConfig(logs: Logs, host: Host): FileResource | null {
  const servers = logs.servers.flatMap((server) => {
    if (server.kind === 'host' && server.host === host.name) return []
    const { name, target, port } =
      server.kind === 'host'
        ? { name: server.host, target: firstAddress(logs, server.host), port: logs.port }
        : { name: `${server.address}_${server.port}`, target: server.address, port: server.port }
    return [
      {
        // The name of its queue's files, too: it does not change with the list, or with an address that was given anew.
        name: `streamside-to-${name.replaceAll(':', '_')}`,
        target,
        port,
        tls: logs.transport === 'tls',
        // who the server must be: our certificates bear the names of the inventory
        peer: server.kind === 'host' ? server.host : server.address,
        shows: showsCertificate(logs, host),
        files: tlsFiles,
        durable: logs.queue === 'durable',
        queueBytes: logs.queueBytes,
        queueFileBytes: queueFileBytes(logs.queueBytes),
      },
    ]
  })
  if (servers.length === 0) return null
  return { ...configFile(clientFile, render('rsyslog/client.conf.hbs', { servers })), validate: 'rsyslog' }
}

/** Bytes of a file of a queue: a tenth of it, and no more than rsyslog makes them by itself. */
function queueFileBytes(queueBytes: number): number {
  return Math.min(2 ** 20, Math.floor(queueBytes / 10))
}

function serverFiles(inventory: Inventory, logs: Logs, host: Host): FileResource[] {
  const address = firstAddress(logs, host.name)
  const fileBytes = liveFileBytes(logs.share)
  const rsyslog = (path: string, content: string): FileResource => ({
    ...configFile(path, content),
    validate: 'rsyslog',
  })
  const unit = (path: string, template: string): FileResource => ({
    ...configFile(path, render(template, { address })),
    validate: 'unit',
  })
  return [
    rsyslog(
      serverFile,
      render('rsyslog/server.conf.hbs', {
        address,
        port: logs.port,
        tls: logs.transport === 'tls',
        files: tlsFiles,
        host: host.name,
        fileBytes,
        senders: allowedSenders(logs, address).join(', '),
      }),
    ),
    rsyslog(`${tables}/hosts.json`, lookupTable('_unknown', hostsByAddress(inventory, logs))),
    rsyslog(`${tables}/programs.json`, lookupTable('messages', programs(inventory))),
    configFile('/etc/streamside/logs', limits(logs, fileBytes)),
    { ...configFile(dropIn, render('systemd/rsyslog-server.conf.hbs', { address })), validate: 'drop-in' },
    unit('/etc/systemd/system/streamside-logs.service', 'systemd/streamside-logs.service.hbs'),
    unit('/etc/systemd/system/streamside-logs.timer', 'systemd/streamside-logs.timer.hbs'),
  ]
}

/** Read by rotate-logs.sh. */
function limits(logs: Logs, fileBytes: number): string {
  const share = 'percent' in logs.share ? `${logs.share.percent}%` : String(logs.share.bytes)
  return `size ${fileBytes}\nshare ${share}\nkeep ${logs.keepDays}\n`
}

/** Bytes at which a file is no more written to: small enough for the share to hold the files of many hosts. */
function liveFileBytes(share: Logs['share']): number {
  const most = 4 * 2 ** 20
  return 'percent' in share ? most : Math.min(most, Math.max(2 ** 18, Math.floor(share.bytes / 64)))
}

/** A lookup table of rsyslog: JSON, so that no name can end it. */
function lookupTable(nomatch: string, entries: Map<string, string>): string {
  const table = [...entries].map(([index, value]) => ({ index, value }))
  table.sort((a, b) => (a.index < b.index ? -1 : 1))
  return `${JSON.stringify({ version: 1, nomatch, type: 'string', table }, null, 1)}\n`
}

function hostsByAddress({ hosts }: Inventory, logs: Logs): Map<string, string> {
  const found = new Map<string, string>()
  for (const name of Object.keys(hosts)) for (const address of logs.addresses[name] ?? []) found.set(address, name)
  return found
}

/**
 * All that an app's units say goes to the app's file; each line still names the unit. An adopted service goes on to log by names of
 * its own, which are known by `HOST/NAME`.
 */
function programs(inventory: Inventory): Map<string, string> {
  const found = new Map<string, string>()
  for (const { name, service, hosts } of Object.values(inventory.apps)) {
    for (const unit of ['', '-litestream', '-gate', '-check']) found.set(`${name}${unit}`, name)
    if (service === null) continue
    for (const host of hosts) for (const program of loggedAs(service)) found.set(`${host}/${program}`, name)
  }
  return found
}

function firstAddress(logs: Logs, host: string): string {
  const address = logs.addresses[host]?.[0]
  if (address === undefined) throw new Error(`the address of the log server ${host} was not looked up`)
  return address
}

function configFile(path: string, content: string): FileResource {
  return { kind: 'file', path, mode: '0644', owner: 'root', group: 'root', content }
}
