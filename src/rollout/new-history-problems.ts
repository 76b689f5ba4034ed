import type { App } from '../inventory/model.ts'
import { exitCodes, Problem } from '../problem.ts'
import type { FileHere } from './files-here.ts'
import type { Held } from './held-in-replica.ts'
import type { Found } from './new-history.ts'

const doing = (app: App, host: string): string => `beginning ${app.name} on ${host} anew`

/** The files that an app would go on with are none that anybody should go on with. */
export function unusableFile(host: string, app: App, name: string, { barred }: FileHere): Problem {
  return new Problem({
    code: barred === null ? 'file-short' : 'files-unreadable',
    doing: doing(app, host),
    found:
      barred === null
        ? `${app.databases[name] ?? name} is cut off: pages of it are missing that nothing brings back`
        : `${barred} cannot be read by the user of ${app.name}`,
    next:
      barred === null
        ? `bring back what the replica holds (streamside restore ${host} --app ${app.name} --at TIME), or a whole copy of the file`
        : `give it to that user again (streamside provision says how), and run this again`,
    host,
    app: app.name,
    exit: exitCodes.unsound,
  })
}

/** Databases that lie in the replica and not here would begin empty: nobody has to want that while they can be brought back. */
export function emptyOverReplica(
  host: string,
  app: App,
  held: Held[],
  { isHolder, source }: { isHolder: boolean; source: string | null },
): Problem {
  const names = held.map(({ name, path, newest }) => `${name} (under ${path}, up to transaction ${newest})`).join(', ')
  const isCurrent = held.every(({ path }) => path === source)
  return new Problem({
    code: 'anew-over-replica',
    doing: doing(app, host),
    found: `there is no file of ${held.map(({ name }) => name).join(', ')} on ${host}, and the replica holds it: ${names}. It would begin empty`,
    next: !isCurrent
      ? `go back to a point: streamside restore ${host} --app ${app.name} --at TIME; where the owner object does not know that path, bring its newest version back`
      : isHolder
        ? `start it (streamside provision): its gate brings it back, or says of it that it cannot, and then this goes on`
        : `bring it back: streamside restore ${host}`,
    host,
    app: app.name,
    exit: exitCodes.unsound,
  })
}

/** It was stopped for a claim of which nobody knows whether it was made. */
export function stoppedMeanwhile(error: Problem, host: string, app: App): Problem {
  return new Problem({
    code: error.code,
    doing: error.doing,
    found: `${error.found}; ${app.name} was stopped for it, and stays so`,
    next: `run this again when the server answers; streamside provision starts ${app.name}, on whatever the owner object says by then`,
    host,
    app: app.name,
    exit: error.exit,
  })
}

/** A rename has an order of its own to go on with these files. */
export function whileRenamed(host: string, app: App, earlier: string): Problem {
  return new Problem({
    code: 'anew-while-renamed',
    doing: doing(app, host),
    found: `what lies there is still that of ${earlier}, its earlier name`,
    next: `run streamside provision, which renames it; or call it ${earlier} again in the inventory, and begin that anew`,
    host,
    app: app.name,
  })
}

export function whileLater(host: string, app: App): Problem {
  return new Problem({
    code: 'anew-later',
    doing: doing(app, host),
    found: 'its package is not installed, or its replica not mounted, so nobody can say what lies there',
    next: 'run streamside provision first, then this again',
    host,
    app: app.name,
  })
}

/** What is agreed to, in one sentence each. */
export function newHistoryQuestion(host: string, app: App, { anew, owner, uploads, fenced }: Found): string {
  const names = Object.keys(app.databases)
  const here = names.filter((name) => Object.hasOwn(anew.files, name))
  const empty = names.filter((name) => !Object.hasOwn(anew.files, name))
  const held = uploads.filter(({ newest }) => newest !== null).map(({ name }) => name)
  const from = here.length === 0 ? '' : ` It goes on with the files of ${here.join(', ')} as they lie on ${host}.`
  const begins = empty.length === 0 ? '' : ` ${empty.join(', ')} ${empty.length === 1 ? 'begins' : 'begin'} EMPTY.`
  const stays =
    owner === null
      ? ' Its replica has lost its owner object, and gets a new one.'
      : held.length === 0
        ? ''
        : ` What the replica holds of ${held.join(', ')} stays there, under ${owner.path}, and is not gone on with.`
  const other =
    fenced === null
      ? ''
      : ` ${fenced.host}, machine ${fenced.id.slice(0, 12)}…, which holds it, is fenced off within minutes.`
  return `${app.name} on ${host} begins a new history.${from}${begins}${stays}${other} Begin it?`
}
