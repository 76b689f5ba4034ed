import type { App } from '../inventory/model.ts'
import { exitCodes, Problem, type ProblemDetails } from '../problem.ts'
import type { PlainReplica } from '../replica/plain-replica.ts'

function problem(host: string, app: App, details: Pick<ProblemDetails, 'code' | 'found' | 'next' | 'exit'>): Problem {
  return new Problem({ doing: `importing ${app.name}`, host, app: app.name, ...details })
}

export function notHere(host: string, app: App): Problem {
  return problem(host, app, {
    code: 'import-directory',
    found: 'its replica is a directory, and import takes over what lies in a bucket',
    next: `restore the database by hand into its place on ${host} (litestream restore), owned by root; provision takes it as it is`,
    exit: exitCodes.usage,
  })
}

export function overData(host: string, app: App, files: string[]): Problem {
  return problem(host, app, {
    code: 'import-over-data',
    found: `${files.join(', ')} lies on ${host} already`,
    next: `when that is what you want, run streamside provision: it takes the file as it is; else move it away and run this again`,
  })
}

export function nothingFound(host: string, app: App, name: string, places: string[]): Problem {
  return problem(host, app, {
    code: 'import-not-found',
    found: `there is no replica of Litestream's for ${name} under ${places.join(', ')}`,
    next: `name its folder in the bucket (path: in the old litestream.yml): --from ${name}=PATH`,
  })
}

export function ambiguous(host: string, app: App, name: string, plain: PlainReplica[]): Problem {
  return problem(host, app, {
    code: 'import-unclear',
    found: `${plain.map(({ path }) => path).join(' and ')} could each be the replica of ${name}`,
    next: `say which: --from ${name}=PATH`,
  })
}

/** What is agreed to. */
export function importQuestion(host: string, app: App, found: ReadonlyMap<string, PlainReplica>): string {
  const from = [...found].map(([name, { path }]) => `${name} from ${path}`).join(', ')
  return `Import ${app.name} to ${host} (${from})? What its old Litestream writes from now on is not imported. Go on?`
}
