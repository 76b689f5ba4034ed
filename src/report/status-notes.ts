import { utc } from '../status/protection.ts'
import type { AppStatus, HostStatus, Wrong } from '../status/status.ts'
import type { Paint } from './colour.ts'
import { harmlessLine } from './harmless.ts'
import { size } from './size.ts'
import { wrap } from './text-width.ts'

export interface Told {
  /** The host, and the apps that it is said of. */
  where: string
  wrong: Wrong
}

/** What is wrong with a host and its apps; what several apps of it have in common, once. */
export function toldOf(host: string, { wrong, apps }: HostStatus): Told[] {
  const common = new Map<string, { apps: string[]; wrong: Wrong }>()
  for (const { app, wrong: own } of apps)
    for (const each of own) {
      const key = JSON.stringify([each.code, each.text, each.next])
      const told = common.get(key) ?? { apps: [], wrong: each }
      common.set(key, { ...told, apps: [...told.apps, app] })
    }
  return [
    ...wrong.map((each) => ({ where: host, wrong: each })),
    ...[...common.values()].map((told) => ({ where: `${host} ${told.apps.join(', ')}`, wrong: told.wrong })),
  ]
}

/** What is said below the table of one host and its apps; `all`: the states of units, and the owner, of every app. */
export function hostNotes(
  host: string,
  status: HostStatus,
  { all, columns, paint }: { all: boolean; columns: number; paint: Paint },
): string[] {
  const say = ({ where, wrong }: Told) => [
    ...indented(`${where}: ${wrong.text} [${wrong.code}]`, columns).map((line) => paint('red', line)),
    ...(wrong.next === '' ? [] : indented(`next: ${wrong.next}`, columns, '  ')),
  ]
  return [
    ...toldOf(host, status).flatMap(say),
    ...status.notes.flatMap(({ text, code }) => indented(`${host}: ${text} [${code}]`, columns)),
    ...status.apps.flatMap((app) => [
      ...(all || app.wrong.length > 0 ? indented(`${host} ${app.app}: units ${unitStates(app)}`, columns) : []),
      ...acceptedNote(`${host} ${app.app}`, app, columns),
      ...(all && app.owner ? indented(`${host} ${app.app}: owner ${ownerText(app.owner)}`, columns) : []),
    ]),
    ...status.transactions
      .filter(({ state }) => state !== 'interrupted')
      .flatMap(({ id, who, state }) =>
        indented(
          `${host}: the transaction ${id} of ${who} ${state === 'running' ? 'is under way' : 'went on by itself and has ended'}`,
          columns,
        ),
      ),
  ]
}

/** A gate that has let its app through is `inactive (dead)` to systemd, which looks like a fault and is none. */
function unitStates({ units, owner }: AppStatus): string {
  const states = Object.entries(units).flatMap(([name, unit]) => {
    if (unit === null) return []
    const atRest = unit === units.gate && unit.load === 'loaded' && unit.active === 'inactive'
    return [`${name} ${atRest ? 'at rest' : `${unit.active} (${unit.sub})`}`]
  })
  const read = owner?.lastRead ? [`owner object last read ${utc(owner.lastRead)} or later`] : []
  return [...states, ...read].join(', ')
}

function ownerText(owner: NonNullable<AppStatus['owner']>): string {
  const who = owner.thisHost ? 'this host' : (owner.holder ?? 'nobody')
  const where = owner.path === null ? '' : `, epoch ${owner.epoch}, ${owner.path}`
  return `${who}${where}${owner.read ? '' : `; not read now: ${owner.reason}`}`
}

function acceptedNote(where: string, { unheld }: AppStatus, columns: number): string[] {
  const notes = unheld.accepted.map(({ path, bytes }) => `${path} (${size(bytes)})`)
  const aside = unheld.asideBytes > 0 ? [`old files that were put aside (${size(unheld.asideBytes)})`] : []
  const held = [...(notes.length > 0 ? [`accepted: ${notes.join(', ')}`] : []), ...aside]
  return held.length === 0 ? [] : indented(`${where}: in no replica, ${held.join('; ')}`, columns)
}

/** Wrapped, and what follows the first line two blanks further in. */
export function indented(text: string, columns: number, indent = ''): string[] {
  return wrap(harmlessLine(text), columns - indent.length - 2).map(
    (line, n) => `${indent}${n === 0 ? '' : '  '}${line}`,
  )
}
