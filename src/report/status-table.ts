import { Problem } from '../problem.ts'
import type { AppStatus, HostStatus, UnitStatus } from '../status/status.ts'
import { painter, type Paint } from './colour.ts'
import { age, apart } from './duration.ts'
import { harmlessLine } from './harmless.ts'
import { size } from './size.ts'
import { type Cell, table } from './columns.ts'
import { hostNotes, indented, toldOf } from './status-notes.ts'
import { textWidth, wrap } from './text-width.ts'

export interface StatusRow {
  host: string
  /** null: the run was stopped before this host's turn. */
  found: HostStatus | Problem | null
}

export interface StatusLook {
  columns: number
  color: boolean
  /** The states of all units of each app, not only of those with something wrong. */
  all: boolean
  /** Epoch s. */
  now: number
}

const heads = ['HOST / APP', 'STATE', 'STREAM', 'GATE', 'TIMER', 'REPLICA', 'AT', 'SENT', 'OWNER', 'UNHELD']

/**
 * One table over all hosts: a line a host, below it one an app; then what is wrong, and what to do about it. No line is longer than
 * the columns there are, but for words that cannot be broken.
 */
export function formatStatus(rows: StatusRow[], look: StatusLook): string {
  const paint = painter(look.color)
  const columns = Math.max(40, look.columns)
  const apps = rows.flatMap(({ found }) => (isStatus(found) ? found.apps : []))
  const lines = table([heads.map((text) => ({ text })), ...apps.map((app) => appCells(app, look.now))], columns)
  const [head = '', ...body] = lines.map((cells) => paintCells(cells, paint))
  const out = [paint('bold', head)]
  for (const { host, found } of rows) {
    out.push(...hostLines(host, found, columns, paint))
    if (isStatus(found)) out.push(...appLines(found, body.splice(0, found.apps.length), columns))
  }
  const notes = rows.flatMap(({ host, found }) =>
    isStatus(found) ? hostNotes(host, found, { all: look.all, columns, paint }) : [],
  )
  return [...out, ...(notes.length > 0 ? ['', ...notes] : []), '', closing(rows, paint)].join('\n')
}

function isStatus(found: StatusRow['found']): found is HostStatus {
  return found !== null && !(found instanceof Problem)
}

/** One that has left the inventory is marked below its line, where there is room for what has become of it. */
function appLines({ apps }: HostStatus, lines: string[], columns: number): string[] {
  return apps.flatMap(({ left }, n) => [lines[n] ?? '', ...(left === null ? [] : indented(left.text, columns, '    '))])
}

function paintCells(cells: Cell[], paint: Paint): string {
  return cells
    .map(({ text, style }) => (style ? paint(style, text) : text))
    .join('')
    .trimEnd()
}

function hostLines(host: string, found: StatusRow['found'], columns: number, paint: Paint): string[] {
  const name = harmlessLine(host)
  if (found === null) return [`${paint('bold', name)}  not asked`]
  if (found instanceof Problem) {
    const word = found.exit === 3 ? 'unreachable' : 'failed'
    const [first = '', ...rest] = wrap(`${word}: ${harmlessLine(found.found)}`, columns - 2 - textWidth(name))
    return [paint('red', `${name}  ${first}`), ...rest.map((line) => paint('red', `  ${line}`))]
  }
  const { disks, memory, clock, drift, health } = found
  const disk = disks.find(({ path }) => path === '/var/lib') ?? disks[0]
  const facts = [
    disk ? `disk ${size(disk.availableKib * 1024)} free${disk.readOnly ? ', read-only' : ''}` : 'disk unknown',
    `memory ${size(memory.availableKib * 1024)}`,
    `clock ${clockText(clock)}`,
    drift.known ? `drift ${drift.changes.length === 0 ? 'no' : `yes (${drift.changes.length})`}` : 'drift unknown',
    `alerts ${found.apps.reduce((sum, app) => sum + app.alerts.length, 0)}`,
    ...(health?.temperature ? [`${Math.round(health.temperature.celsius)} °C`] : []),
    ...(health?.power?.underVoltage.now === true ? ['power low'] : []),
    ...((health?.ioErrors?.count ?? 0) > 0 || health?.ext4?.some(({ errors }) => errors > 0) ? ['card errors'] : []),
  ]
  const [first = '', ...rest] = flow([name, ...facts], columns - 2)
  return [paint('bold', first), ...rest.map((line) => `  ${line}`)]
}

/** `ok`, `+12 s`; `not set` as long as no time server has set it since boot. */
function clockText({ offsetSeconds, synchronised }: HostStatus['clock']): string {
  const offset = Math.abs(offsetSeconds) <= 1 ? '' : `${offsetSeconds > 0 ? '+' : '-'}${apart(offsetSeconds)}`
  if (!synchronised) return offset === '' ? 'not set' : `${offset}, not set`
  return offset === '' ? 'ok' : offset
}

/** Texts side by side, two blanks between them, as many on a line as fit. */
function flow(texts: string[], columns: number): string[] {
  const lines: string[] = []
  for (const text of texts) {
    const last = lines.at(-1)
    if (last !== undefined && textWidth(last) + 2 + textWidth(text) <= columns)
      lines[lines.length - 1] = `${last}  ${text}`
    else lines.push(text)
  }
  return lines
}

function appCells(app: AppStatus, now: number): Cell[] {
  const { state, units, replica, owner, unheld, left } = app
  const bad = (text: string, wrong: boolean): Cell => ({ text, ...(wrong ? { style: 'red' as const } : {}) })
  const holder =
    owner === null
      ? '-'
      : owner.holder === null
        ? owner.read
          ? 'nobody'
          : '?'
        : owner.thisHost
          ? 'this host'
          : owner.holder
  return [
    { text: `  ${harmlessLine(app.app)}` },
    bad(state, state !== 'running' && state !== 'idle'),
    bad(shortState(units.litestream), units.litestream !== null && units.litestream.active !== 'active'),
    bad(gateState(app), state === 'waiting'),
    bad(shortState(units.timer, 'on', 'off'), units.timer !== null && units.timer.active !== 'active'),
    replica === null
      ? { text: '-' }
      : replica.protection === 'behind' && replica.since !== null
        ? { text: `${age(now - replica.since)} behind`, style: 'yellow' }
        : bad(replica.protection, replica.protection !== 'protected'),
    { text: positionOf(app) },
    { text: typeof replica?.lastUpload === 'number' ? age(now - replica.lastUpload) : '-' },
    bad(harmlessLine(holder), owner !== null && owner.read && !owner.thisHost),
    bad(
      unheld.bytes === 0 ? (unheld.partial || unheld.denied !== null ? '?' : '0') : size(unheld.bytes),
      unheld.bytes > 0 && left === null,
    ),
  ]
}

function shortState(unit: UnitStatus | null, up = 'up', down = 'down'): string {
  if (unit === null) return '-'
  if (unit.load === 'not-found') return 'absent'
  if (unit.active === 'active') return up
  if (unit.active === 'failed') return 'failed'
  return unit.active === 'activating' ? 'waiting' : down
}

/** A gate is no daemon: it lets an app through, holds it back, or is at work. */
function gateState({ units, state }: AppStatus): string {
  if (units.gate === null) return '-'
  if (units.gate.load === 'not-found') return 'absent'
  if (state === 'waiting') return 'shut'
  return units.gate.active === 'activating' ? 'busy' : state === 'running' ? 'open' : '-'
}

/** The one that is furthest behind speaks for several; without the zeros that every id begins with. */
function positionOf({ replica }: AppStatus): string {
  const worst = replica?.databases.find(({ protection }) => protection === replica.protection)
  return worst?.remote?.replace(/^0+(?=.)/, '') ?? '-'
}

function closing(rows: StatusRow[], paint: Paint): string {
  const statuses = rows.map(({ found }) => found).filter(isStatus)
  const wrong = statuses.flatMap((status) => toldOf(status.host, status)).length
  const away = rows.length - statuses.length
  const parts = [
    `${rows.length} ${rows.length === 1 ? 'host' : 'hosts'}`,
    ...(away > 0 ? [`${away} not seen`] : []),
    wrong === 0
      ? away > 0
        ? 'nothing wrong on the others'
        : 'all is well'
      : `${wrong} ${wrong === 1 ? 'thing is' : 'things are'} wrong`,
  ]
  return paint(wrong + away > 0 ? 'red' : 'green', parts.join(', '))
}
