import { decodeBase64 } from '../host/host-encoding.ts'
import { Problem } from '../problem.ts'
import { parseUnits } from '../host/probe-records.ts'
import type { ObservedUnit } from '../host/observed.ts'
import type { Alert, Unheld } from './status.ts'
import { type Health, parseHealth } from './health.ts'
import { parseLeft, type SeenLeft } from './left.ts'
import { parseLoose } from './loose.ts'
import { parseUpSeconds } from './up-seconds.ts'

/** What `status.sh` saw of a host beside the probe: facts only, no judgement. */
export interface Seen {
  units: Map<string, ObservedUnit>
  /** How long the main process of a unit that is active has run. */
  upSeconds: Map<string, number>
  /** Null when the host could not answer in time. */
  health: Health | null
  apps: Map<string, SeenApp>
  /** Apps that the host has and was not asked for; what was seen of them is in `apps`. */
  left: SeenLeft[]
}

export interface SeenApp {
  /** /var/lib/streamside/apps/<app>/claim and last-owner, as the gate wrote them. */
  claim: Claim | null
  lastOwner: { read: number; owner: SeenOwner } | null
  /** The timer's last proof, and since when it has failed (epoch s). */
  proof: { time: number; held: boolean; text: string } | null
  unprovenSince: number | null
  alerts: Alert[]
  /** What the GET of the owner object found; null when the host has no gate for this app. */
  owner: { askedAt: number; http: number; serverTime: number | null; body: SeenOwner | null } | null
  /** What the timer would decide on it; its words are the product's. */
  verdict: { do: string; code: string; text: string; next: string } | null
  /** By the database's place in `remote`; empty when it was not looked at. */
  first: Position[]
  last: Position[]
  /** In the order of the positions, by the names that the host knows: after a change of the inventory these may be others. */
  remote: Map<string, RemotePosition>
  /** Where each of those lies, as the host was told. */
  paths: Map<string, string>
  /** Why a replica in a directory takes nothing; null when it does, and for a bucket. */
  obstacle: Obstacle | null
  unheld: Unheld
  /** Why the host's own programs could not answer. */
  failed: string | null
}

export interface Claim {
  path: string
  epoch: number
  id: string
}

export interface SeenOwner {
  epoch: number
  path: string
  holder: { host: string; id: string } | null
  from: unknown
  /** Databases that were in the replica once. */
  initialised: string[]
}

/** templates/host/status/position.sh */
export interface Position {
  bytes: number | null
  l0: string | null
  l0Time: number | null
  pending: boolean | null
  unsent: number | null
  /** It is there, or may be, and the app's user cannot look at it. */
  unread: boolean
}

export type RemotePosition = { max: string | null; sent: string | null } | { error: string }

/** templates/host/status/app.sh: what the app's user finds, and where the replica is mounted. */
export interface Obstacle {
  kind: 'full' | 'read-only' | 'denied'
  root: string
}

type Records = Map<string, string[][]>

/**
 * Reads what stands after the probe's answer.
 * @throws Problem `status-garbled` when it is not whole
 */
export function parseStatus(answer: string, apps: string[], host: string): Seen {
  const lines = answer.split('\n')
  if (lines.at(-1) === '') lines.pop()
  if (lines[0] !== 'streamside-status\t1' || lines.at(-1) !== 'end')
    throw new Problem({
      code: 'status-garbled',
      doing: `looking at ${host}`,
      found: `the answer is not whole: it ends with ${JSON.stringify(lines.at(-1) ?? '')}`,
      next: 'run the command again; when it stays so, see whether /run and /tmp on the host are full (df)',
      host,
    })
  const records: Records = new Map()
  for (const line of lines) {
    const [kind = '', ...fields] = line.split('\t')
    records.set(kind, [...(records.get(kind) ?? []), fields])
  }
  const left = parseLeft(records)
  const all = [...apps, ...left.map(({ name }) => name)]
  return {
    units: parseUnits(records.get('show') ?? []),
    upSeconds: parseUpSeconds(records),
    health: parseHealth(records),
    apps: new Map(all.map((app) => [app, parseApp(records, app)])),
    left,
  }
}

function parseApp(records: Records, app: string): SeenApp {
  const all = (kind: string) => (records.get(kind) ?? []).filter(([name]) => name === app).map(([, ...rest]) => rest)
  const one = (kind: string) => all(kind)[0]
  const claim = json(one('claim')?.[0])
  const lastOwner = json(one('last-owner')?.[0])
  const last = ownerOf(lastOwner?.['owner'])
  const proof = json(one('proof')?.[0])
  const positions = (round: string) =>
    all('position')
      .filter(([name]) => name === round)
      .flatMap(([, text]) => decodeBase64(text).split('\n').filter(Boolean).map(parsePosition))
  const failed = one('failed')
  return {
    claim: claim ? { path: text(claim['path']), epoch: number(claim['epoch']) ?? 0, id: text(claim['id']) } : null,
    lastOwner: last ? { read: number(lastOwner?.['read']) ?? 0, owner: last } : null,
    proof: proof ? { time: number(proof['time']) ?? 0, held: proof['held'] === true, text: text(proof['text']) } : null,
    unprovenSince: wholeNumber(decodeBase64(one('unproven')?.[0]).trim()),
    alerts: all('alert').map(([alert]) => parseAlert(decodeBase64(alert))),
    owner: parseAsked(one('owner')),
    verdict: parseVerdict(json(one('verdict')?.[0])),
    first: positions('first'),
    last: positions('last'),
    remote: new Map(all('remote').map(([name = '', answer]) => [name, parseRemote(json(answer))])),
    paths: new Map(
      all('remote').flatMap(([name = '', , path]) => (path === undefined ? [] : [[name, decodeBase64(path)]])),
    ),
    obstacle: parseObstacle(one('obstacle')),
    unheld: parseLoose(decodeBase64(one('loose')?.[0])),
    failed: failed ? decodeBase64(failed[1]).trim() || `the look at ${app} ended with status ${failed[0]}` : null,
  }
}

function initialisedOf(dbs: unknown): string[] {
  return isJson(dbs) ? Object.keys(dbs).filter((name) => isJson(dbs[name]) && dbs[name]['init'] === true) : []
}

function parseAsked(fields: string[] | undefined): SeenApp['owner'] {
  const fact = json(fields?.[1])
  if (!fact) return null
  return {
    askedAt: Number(fields?.[0]),
    http: number(fact['http']) ?? 0,
    serverTime: number(fact['date']),
    body: ownerOf(parsed(text(fact['body']))),
  }
}

function parseObstacle([kind, root]: string[] = []): Obstacle | null {
  if (kind !== 'full' && kind !== 'read-only' && kind !== 'denied') return null
  return { kind, root: decodeBase64(root) }
}

function parseVerdict(value: Json | null): SeenApp['verdict'] {
  if (!value) return null
  return { do: text(value['do']), code: text(value['code']), text: text(value['text']), next: text(value['next']) }
}

/** Loosely: whether it may be believed is the verdict's business, here it is only shown. */
function ownerOf(value: unknown): SeenOwner | null {
  if (!isJson(value) || typeof value['path'] !== 'string' || typeof value['epoch'] !== 'number') return null
  const holder = value['holder']
  return {
    epoch: value['epoch'],
    path: value['path'],
    holder: isJson(holder) ? { host: text(holder['host']), id: text(holder['id']) } : null,
    from: value['from'] ?? null,
    initialised: initialisedOf(value['dbs']),
  }
}

function parsePosition(line: string): Position {
  const value = isJson(parsed(line)) ? (parsed(line) as Json) : {}
  return {
    bytes: number(value['bytes']),
    l0: transaction(value['l0']),
    l0Time: number(value['l0Time']),
    pending: typeof value['pending'] === 'boolean' ? value['pending'] : null,
    unsent: number(value['unsent']),
    unread: value['unread'] === true,
  }
}

function parseRemote(value: Json | null): RemotePosition {
  if (!value) return { error: 'Litestream gave no answer that could be read' }
  if (typeof value['error'] === 'string') return { error: value['error'] }
  const sent = value['sent']
  return { max: transaction(value['max']), sent: typeof sent === 'string' ? sent : null }
}

/** A line of alerts/ (state.sh, `alert`); a damaged one is shown as it is rather than lost. */
function parseAlert(line: string): Alert {
  const value = parsed(line)
  if (!isJson(value)) return { time: '', code: 'unreadable', text: line.trim(), next: '' }
  return { time: text(value['time']), code: text(value['code']), text: text(value['text']), next: text(value['next']) }
}

type Json = Record<string, unknown>
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const number = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) ? value : null)
const wholeNumber = (value: string): number | null => (/^\d{1,15}$/.test(value) ? Number(value) : null)
const transaction = (value: unknown): string | null =>
  typeof value === 'string' && /^[0-9a-f]{16}$/.test(value) ? value : null

function json(base64: string | undefined): Json | null {
  const value = base64 === undefined ? null : parsed(decodeBase64(base64))
  return isJson(value) ? value : null
}

/** What lies on a host may be cut short by a power cut: then nothing is known of it. */
function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown
  } catch {
    return null
  }
}
