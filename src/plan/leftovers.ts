import path from 'node:path'
import type { HostState } from '../desired/host-state.ts'
import type { Change } from './change.ts'
import { whyGone } from './leaving.ts'
import { isShared, type Manifest, type ManifestFile } from './manifest.ts'

/**
 * What an app of this host had at the last run and has no more: units are stopped before their files go, links and files are
 * removed. Never data, and never what lies outside the manifest.
 * @param going apps that leave the host: all that they had
 * @param newNames of apps among those that are on the host under an earlier name
 * @param staying apps that have left the inventory and run on: what they share with others stays for them
 */
export function leftovers(
  state: HostState,
  recorded: Manifest,
  going: readonly string[],
  staying: readonly string[],
  newNames: ReadonlyMap<string, string> = new Map(),
): Change[] {
  const wanted = new Set(
    state.resources.flatMap((resource) =>
      resource.kind === 'file' || resource.kind === 'link' ? [resource.path] : [],
    ),
  )
  const apps = new Set([...state.apps.map((app) => app.name), ...going])
  // The host's own last: an app that is cut off in the middle of leaving lets go with their programs once more.
  const gone = Object.entries(recorded.files)
    .filter(
      ([file, { app }]) =>
        !wanted.has(file) && (app === null ? staying.length === 0 || !isShared(file) : apps.has(app)),
    )
    .toSorted(([, a], [, b]) => Number(a.app === null) - Number(b.app === null))
  const why = ({ app }: ManifestFile) => whyGone(app === null ? undefined : newNames.get(app))
  return [
    ...gone
      .flatMap(([file, of]) => (isUnitFile(file) ? [{ unit: path.posix.basename(file), why: why(of) }] : []))
      .toSorted((a, b) => stopRank(a.unit) - stopRank(b.unit))
      .map((each) => stopped(each.unit, each.why)),
    ...gone.map(([file, of]) => removed(file, of.as, why(of))),
    ...packagedUnits.flatMap(({ unit, folder }) =>
      gone.some(([file]) => file.startsWith(folder)) && !runs(state, unit) ? [withoutOurs(unit)] : [],
    ),
  ]
}

/** A unit file that systemd reads by its own name, not one of a drop-in. */
export function isUnitFile(file: string): boolean {
  return path.posix.dirname(file) === '/etc/systemd/system'
}

/** Timers before what they start, which would start again; mounts after what needs them: a replica's, for one. */
function stopRank(unit: string): number {
  if (unit.endsWith('.timer')) return 0
  return unit.endsWith('.mount') ? 2 : 1
}

// Units of packages that ran from files of ours: without those they run from their own.
const packagedUnits = [
  { unit: 'systemd-journald.service', folder: '/etc/systemd/journald.conf.d/' },
  { unit: 'rsyslog.service', folder: '/etc/rsyslog.d/' },
]

/** Whether the unit is still wanted: then its restart follows from what it should run from. */
function runs({ resources }: HostState, unit: string): boolean {
  return resources.some((resource) => resource.kind === 'unit' && resource.name === unit)
}

function withoutOurs(unit: string): Change {
  return {
    summary: {
      kind: 'unit',
      name: unit,
      action: 'restart',
      reason: 'it runs without the files of streamside from now on',
    },
    step: { verb: 'settle', fields: [unit, '-', '-'] },
  }
}

function stopped(unit: string, reason: string): Change {
  return {
    summary: { kind: 'unit', name: unit, action: 'stop', reason },
    step: { verb: 'retire', fields: [unit] },
  }
}

function removed(file: string, as: string, reason: string): Change {
  return {
    summary: { kind: 'file', name: file, action: 'remove', reason },
    step: { verb: 'remove', fields: [file, as] },
  }
}
