import { posix } from 'node:path'
import { wrongDatabase } from '../inventory/checks/databases.ts'
import { appName } from '../inventory/checks/names.ts'
import { isWithin } from '../inventory/paths.ts'
import { stateDirectory } from '../inventory/model.ts'
import type { SeenDatabase, SeenService, Survey } from './survey.ts'

/**
 * What an inventory could say of a service. `release`: an app of one's own. `service`: a package's unit, adopted where it is.
 */
export interface Proposal {
  kind: 'release' | 'service'
  app: string
  seen: SeenService
  /** By name: the path that the inventory would have. */
  databases: Record<string, string>
  /** Databases that cannot stay where they are, and where they would go. */
  moves: { from: string; to: string; why: string }[]
  /** Databases that no inventory can name. */
  unnameable: { path: string; why: string }[]
  /** The folder (or file) of the host that holds the program; null when it is not known. */
  program: string | null
  command: string[]
  /** The one TCP port it listens on, if it is one. */
  port: number | null
  /** Names of environment variables that systemd has not set by itself. */
  environment: string[]
}

/** Proposals for all services that could be apps, and what became of the others. */
export interface Proposals {
  proposals: Proposal[]
  /** Units of streamside's own apps, and those that it has adopted. */
  managed: string[]
  /** Services of packages in which no SQLite database was found. */
  others: string[]
  /** Databases that a user's own systemd keeps: no unit of the system's. */
  users: SeenService[]
}

/**
 * Decides what to propose. A service is an app when it keeps an SQLite database, or when its unit file is somebody's own (of no
 * package): then it is what a person has put there.
 */
export function propose({ services, managed, adopted }: Survey): Proposals {
  const result: Proposals = { proposals: [], managed: [], others: [], users: [] }
  const taken = new Set<string>()
  for (const seen of services) {
    if (adopted.includes(seen.unit) || managed.some((app) => unitsOfApp(app).includes(seen.unit)))
      result.managed.push(seen.unit)
    else if (/^user@\d+\.service$/.test(seen.unit)) {
      if (seen.databases.length > 0) result.users.push(seen)
    } else if (seen.databases.length > 0 || (seen.package === null && isOwn(seen.fragment)))
      result.proposals.push(proposal(seen, nameFor(seen, taken)))
    else result.others.push(seen.unit)
  }
  return result
}

function unitsOfApp(app: string): string[] {
  return ['', '-gate', '-litestream', '-check'].map((part) => `${app}${part}.service`)
}

/** Where people put unit files; what a generator or a package makes lies below /run and /usr. */
function isOwn(fragment: string): boolean {
  return ['/etc/systemd/system', '/usr/local/lib/systemd/system'].some((folder) => isWithin(fragment, folder))
}

function proposal(seen: SeenService, app: string): Proposal {
  const kind = seen.package === null ? 'release' : 'service'
  const ports = [...new Set(seen.listening.map(({ port }) => port))]
  const { places, ...databases } = databasesFor(seen.databases, app, kind)
  const program = kind === 'release' ? programOf(seen, app) : { program: null, command: seen.commands[0] ?? [] }
  return {
    kind,
    app,
    seen,
    program: program.program,
    command: program.command.map((word) => withPlace(word, seen.workingDirectory, places)),
    ...databases,
    port: ports.length === 1 ? (ports[0] ?? null) : null,
    environment: seen.names.filter((name) => !setBySystemd.has(name) && !(name === 'PORT' && ports.length === 1)),
  }
}

/**
 * A word of the command that names a database, with the path that the inventory has for it: what was relative to the unit's own
 * folder would make a new one, in no replica, below the app's.
 */
function withPlace(word: string, workingDirectory: string, places: ReadonlyMap<string, string>): string {
  const [, option = '', path = ''] = /^([^=/]*=)?(.*)$/s.exec(word) ?? []
  const place = path === '' ? undefined : places.get(posix.resolve(workingDirectory || '/', path))
  return place === undefined ? word : `${option}${place}`
}

/** systemd.exec(5), "Environment Variables Set or Propagated by the Service Manager"; and what a shell exports that comes before the program. */
const setBySystemd = new Set(
  `PATH LANG LC_ALL USER LOGNAME HOME SHELL INVOCATION_ID JOURNAL_STREAM NOTIFY_SOCKET LISTEN_PID LISTEN_FDS LISTEN_FDNAMES
  LISTEN_PIDFDID WATCHDOG_PID WATCHDOG_USEC SYSTEMD_EXEC_PID MAINPID MANAGERPID XDG_RUNTIME_DIR RUNTIME_DIRECTORY STATE_DIRECTORY
  CACHE_DIRECTORY LOGS_DIRECTORY CONFIGURATION_DIRECTORY CREDENTIALS_DIRECTORY MEMORY_PRESSURE_WATCH MEMORY_PRESSURE_WRITE TERM
  SYSTEMD_NSS_DYNAMIC_BYPASS FDSTORE DEBUG_INVOCATION PWD OLDPWD SHLVL _`.split(/\s+/),
)

/** Folders whose programs come with packages: no release of anybody's. */
const systemPrograms = ['/usr/bin', '/usr/sbin', '/usr/lib', '/usr/libexec', '/bin', '/sbin', '/lib']
const isSystems = (path: string) => systemPrograms.some((folder) => isWithin(path, folder))

/**
 * The program that would be the release: the command's own, or, for an interpreter of the system's, the first of its words that
 * is a path elsewhere. In a release a script is named by its place on the host, /opt/APP/current (places.ts).
 */
function programOf(seen: SeenService, app: string): Pick<Proposal, 'program' | 'command'> {
  const words = seen.commands[0] ?? []
  const [first = '', ...rest] = words.map((word, n) => (secretWord(words, n) ? withoutValue(word) : word))
  if (first.startsWith('/') && !isSystems(first))
    return { program: first, command: [`./${posix.basename(first)}`, ...rest] }
  const script = rest.find((word) => word.startsWith('/') && !isSystems(word) && !isWithin(word, '/usr/share'))
  if (script === undefined) return { program: null, command: [first, ...rest] }
  const inRelease = `/opt/${app}/current/${posix.basename(script)}`
  return { program: script, command: [first, ...rest.map((word) => (word === script ? inRelease : word))] }
}

const secretName = /pass|secret|token|key|credential|auth/i
export const looksSecret = (name: string): boolean => secretName.test(name)

/** A word that is, or follows, an option whose name speaks of a secret. */
function secretWord(words: string[], n: number): boolean {
  const word = words[n] ?? ''
  const before = words[n - 1] ?? ''
  if (n > 0 && /^[^=]*=/.test(word))
    return looksSecret(/^[^=]*/.exec(word)?.[0] ?? '') || /:\/\/[^/@]*:[^/@]*@/.test(word)
  return (
    (n > 1 && before.startsWith('-') && !before.includes('=') && looksSecret(before)) ||
    /:\/\/[^/@]*:[^/@]*@/.test(word)
  )
}

export const withheld = 'FILL-IN'

function withoutValue(word: string): string {
  const option = /^[A-Za-z0-9_-]+=/.exec(word)?.[0] ?? ''
  return `${option}${withheld}`
}

/** The words of a command, what may be a secret in them left out. */
export function shownCommand(words: string[]): string[] {
  return words.map((word, n) => (secretWord(words, n) ? withoutValue(word) : word))
}

function databasesFor(
  seen: SeenDatabase[],
  app: string,
  kind: Proposal['kind'],
): Pick<Proposal, 'databases' | 'moves' | 'unnameable'> & { places: Map<string, string> } {
  const databases: Record<string, string> = {}
  const places = new Map<string, string>()
  const moves: Proposal['moves'] = []
  const unnameable: Proposal['unnameable'] = []
  const names = new Set<string>()
  const paths = new Set<string>()
  for (const { text, utf8 } of seen) {
    if (!utf8) {
      unnameable.push({ path: text, why: 'its name is no UTF-8, which an inventory cannot hold' })
      continue
    }
    const name = seen.length === 1 ? 'main' : unused(databaseName(text), names, 62)
    names.add(name)
    const state = `${stateDirectory(app)}/`
    const wrong = wrongDatabase(app, text, kind === 'service') ?? dynamicUsers(text) ?? ofAnother(text, state, kind)
    if (wrong !== null && kind === 'service') {
      unnameable.push({ path: text, why: wrong })
      continue
    }
    const relative = kind === 'release' && text.startsWith(state)
    const path =
      wrong !== null ? unused(`data/${posix.basename(text)}`, paths, 900) : relative ? text.slice(state.length) : text
    paths.add(path)
    if (wrong !== null) {
      const still = wrongDatabase(app, path)
      if (still !== null) {
        unnameable.push({ path: text, why: still })
        continue
      }
      moves.push({ from: text, to: `${state}${path}`, why: wrong })
    }
    databases[name] = path
    if (kind === 'release') places.set(text, path)
  }
  return { databases, moves, unnameable, places }
}

/** systemd.exec(5), DynamicUser=: what is called /var/lib/X is a link into it, made anew at each start of the service. */
function dynamicUsers(path: string): string | null {
  return isWithin(path, '/var/lib/private') ? 'it belongs to the user that systemd makes for the service' : null
}

/** The user of the unit may write there; the app has one of its own, and both SQLite and Litestream make files beside a database. */
function ofAnother(path: string, state: string, kind: Proposal['kind']): string | null {
  if (kind === 'service' || path.startsWith(state)) return null
  return "its folder belongs to whom the service runs as now, and the app's own user cannot write there"
}

/** `/srv/shop/till.sqlite3` is `till`. */
function databaseName(path: string): string {
  const base = posix.basename(path).replace(/\.(db3?|sqlite3?|sdb)$/i, '')
  return wordOf(base, /[^a-z0-9_-]+/g, 'db').slice(0, 60)
}

/**
 * A name for the app: the unit's, made to be one (names.ts). A user of that name that is there already is somebody's own, and
 * streamside takes none of those for an app's.
 */
function nameFor({ unit, user, package: of }: SeenService, taken: Set<string>): string {
  const word = wordOf(unit.replace(/\.service$/, ''), /[^a-z0-9-]+/g, 'app')
    .slice(0, 22)
    .replace(/-+$/, '')
  const isFree = appName(word) === null && (of !== null || user !== word)
  const name = unused(isFree ? word : `${word.replace(/-(gate|litestream|check)$/, '')}-app`, taken, 28)
  taken.add(name)
  return name
}

function wordOf(text: string, others: RegExp, otherwise: string): string {
  const word = text
    .toLowerCase()
    .replaceAll(others, '-')
    .replaceAll(/^[^a-z]+|-+$/g, '')
  return word === '' ? otherwise : word
}

function unused(name: string, taken: Set<string>, longest: number): string {
  for (let n = 1; ; n += 1) {
    const one = n === 1 ? name.slice(0, longest) : `${name.slice(0, longest - 4)}-${n}`
    if (!taken.has(one)) return one
  }
}
