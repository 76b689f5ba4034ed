import type { UserResource } from '../desired/resources.ts'
import type { Observed, ObservedPath } from '../host/observed.ts'
import { Problem } from '../problem.ts'
import type { Manifest } from './manifest.ts'

/** Folders that nobody but streamside puts anything into that it is asked to lay. */
const ownFolders = ['/etc/streamside/', '/usr/local/lib/streamside/', '/usr/local/share/streamside/', '/var/lib/']

/** How each file begins that systemd, rsyslog or journald reads (templates/): of those the lost manifest is not missed. */
const mark = '# Written by streamside '

/**
 * What stands where a file is to be laid, and is not streamside's, is never written over: an admin's unit of the same name, a file
 * of a package. Ours is what the manifest names, what a transaction laid that ended before it could record that, what has
 * our mark, and what lies in our folders or in an app's state.
 * @throws Problem `in-the-way`
 */
export function refuseForeign(
  path: string,
  seen: ObservedPath,
  { observed, recorded, host }: { observed: Observed; recorded: Manifest; host: string },
): void {
  if (recorded.files[path] !== undefined || observed.laid.has(path)) return
  if (ownFolders.some((folder) => path.startsWith(folder))) return
  if (seen.type === 'file' && seen.content?.toString().startsWith(mark) === true) return
  throw new Problem({
    code: 'in-the-way',
    doing: `planning ${path} on ${host}`,
    found: `a ${seen.type} stands there that streamside has not laid: a package's, or somebody's own`,
    next: 'it is not touched: give the app or the file another name in the inventory, or move it away, then run this again',
    host,
  })
}

/** Folders whose units count before those of /etc/systemd/system (systemd.unit(5), "UNIT FILE LOAD PATH"). */
const firstRead = /^\/(etc|run)\/systemd\/(system\.control|transient|generator\.early)\//

/**
 * A unit of a package, or of /run, that has the name of an app would be hidden by the app's own; and some hide the app's own.
 * @throws Problem `in-the-way`
 */
export function refuseHidden(unit: string, { observed, host }: { observed: Observed; host: string }): void {
  const fragment = observed.units.get(unit)?.fragmentPath ?? ''
  // A timer or a service; mounts are made by systemd itself of what is mounted.
  if (fragment === '' || fragment.startsWith('/etc/systemd/system/') || unit.endsWith('.mount')) return
  throw new Problem({
    code: 'in-the-way',
    doing: `planning ${unit} on ${host}`,
    found: `there is a unit of that name already: ${fragment}`,
    next: firstRead.test(fragment)
      ? `systemd reads it in place of streamside's own: move it away, then  systemctl daemon-reload`
      : 'give the app another name in the inventory; to put the gate before that unit, adopt it:  service: { unit: … }',
    host,
  })
}

const noShells = new Set(['/usr/sbin/nologin', '/sbin/nologin', '/bin/false', '/usr/bin/false'])

/**
 * An app's user is made by streamside; an account of a person, or of a package, is not taken for it. One that stayed when its app
 * left is known by its home, and by that nobody can log in as it.
 * @throws Problem `in-the-way`
 */
export function refuseAccount(
  { name, home }: UserResource,
  observed: Observed,
  recorded: Manifest,
  host: string,
): void {
  const seen = observed.users.get(name)
  if (!seen || recorded.apps.includes(name) || (seen.home === home && noShells.has(seen.shell))) return
  throw new Problem({
    code: 'in-the-way',
    doing: `planning the user ${name} on ${host}`,
    found: `there is a user of that name that streamside has not made: home ${seen.home}, shell ${seen.shell}`,
    next:
      `it is not touched: give the app another name in the inventory; is it the app's own, and was changed by hand:  ` +
      `usermod --home ${home} --shell /usr/sbin/nologin ${name}  on the host, then run this again`,
    host,
  })
}

/**
 * The state folder of an app that was never here may be one of root's, with a database that somebody has put there for it. One that
 * belongs to another account is that account's, and a service of it may have its database open: it is not taken from it.
 * @throws Problem `in-the-way`
 */
export function refuseTaken(
  path: string,
  seen: { owner: string },
  wanted: string,
  { observed, recorded, host }: { observed: Observed; recorded: Manifest; host: string },
): void {
  // The folder of an app that is being renamed is its earlier user's.
  if (recorded.apps.includes(wanted) || recorded.apps.includes(seen.owner) || observed.laid.has(path)) return
  // stat(1) names no account that is not there
  if (['root', wanted, 'UNKNOWN'].includes(seen.owner) || /^\d+$/.test(seen.owner)) return
  throw new Problem({
    code: 'in-the-way',
    doing: `planning ${path} on ${host}`,
    found: `it belongs to the user ${seen.owner}, who may be using it: ${wanted} was never here`,
    next: `it is not touched: give the app another name in the inventory; if it is meant for ${wanted}, give it to root (chown -R root:root ${path}) once nothing has it open, and run this again`,
    host,
  })
}
