import { Problem } from '../problem.ts'
import { type Manifest, readManifest } from '../plan/manifest.ts'

/** What runs on a host that streamside has not made: its services, and the SQLite databases that they keep. */
export interface Survey {
  hostname: string
  /** Apps that streamside has put there. */
  managed: string[]
  /** Units of services that it has adopted. */
  adopted: string[]
  services: SeenService[]
}

export interface SeenService {
  /** With its `.service`. */
  unit: string
  description: string
  /** Its unit file; empty when it has none. */
  fragment: string
  dropIns: string[]
  /** The Debian package that the unit file, or the script that a generator made it of, belongs to; null = no package's. */
  package: string | null
  /** Empty: root. */
  user: string
  workingDirectory: string
  /** Relative to /var/lib. */
  stateDirectories: string[]
  /** The words of its ExecStart= lines, `$NAME` not expanded. */
  commands: string[][]
  /** Names in the environment of its main process; values never leave the host. */
  names: string[]
  /** TCP sockets that it listens on. */
  listening: { address: string; port: number }[]
  databases: SeenDatabase[]
  /** Databases at paths that only the service's own mounts know, or that are deleted. */
  elsewhere: HostPath[]
  /** Not everything was looked into: it has too many files. */
  cut: boolean
}

/** A path as it is on the host: bytes that are no UTF-8 are shown as `\xNN`, and can stand in no inventory. */
export interface HostPath {
  text: string
  utf8: boolean
}

export interface SeenDatabase extends HostPath {
  /** A process of the service has it open. */
  open: boolean
  bytes: number
  user: string
  group: string
  /** Octal, as stat prints it. */
  mode: string
  wal: boolean
}

type Fields = string[]

/**
 * Reads the answer of templates/host/survey.sh.
 * @throws Problem `survey-garbled` when it is not whole, or not in the shape that the program prints
 */
export function parseSurvey(answer: string, host: string): Survey {
  const lines = answer.split('\n').filter((line) => line !== '')
  if (lines[0] !== 'streamside-survey\t1' || lines.at(-1) !== 'end')
    throw garbled(host, `the answer is not whole: it ends with ${JSON.stringify(lines.at(-1) ?? '')}`)
  const records = new Map<string, Fields[]>()
  for (const line of lines) {
    const [kind = '', ...fields] = line.split('\t')
    records.set(kind, [...(records.get(kind) ?? []), fields])
  }
  const all = (kind: string) => records.get(kind) ?? []
  const owners = packagesOf(decoded(all('owners')[0]?.[0]))
  const manifest: Manifest = readManifest(all('manifest')[0] ? decoded(all('manifest')[0]?.[0]) : null)
  const services = all('unit').map(([number = '', name]) => {
    const of = (kind: string) => all(kind).filter(([own]) => own === number)
    const about = properties(of('about')[0]?.[1], host)
    const service = properties(of('service')[0]?.[1], host)
    const fragment = text(about[0])
    return {
      unit: decoded(name),
      description: text(about[2]),
      fragment,
      dropIns: texts(about[1]),
      package:
        [fragment, fragment.replace(/^\/usr/, ''), `/usr${fragment}`, text(about[3])]
          .map((path) => owners.get(path))
          .find((owner) => owner !== undefined) ?? null,
      user: text(service[2]),
      workingDirectory: text(service[4]).replace(/^!/, ''),
      stateDirectories: texts(service[5]),
      commands: commandsOf(service[6]),
      names: decoded(of('names')[0]?.[1]).split('\0').filter(Boolean),
      listening: listeningOf(of('listen')),
      databases: databasesOf(of('database')),
      elsewhere: of('elsewhere').map(([, path]) => hostPath(path)),
      cut: of('cut').length > 0,
    }
  })
  const adopted = Object.values(manifest.services ?? {}).map(({ unit }) => unit)
  return { hostname: decoded(all('host')[0]?.[0]).trim(), managed: manifest.apps, adopted, services }
}

/** One line of JSON a property: `{"type":…,"data":…}` (busctl(1)). */
function properties(base64: string | undefined, host: string): unknown[] {
  try {
    return decoded(base64)
      .split('\n')
      .map((line) => (JSON.parse(line) as { data: unknown }).data)
  } catch (error) {
    throw garbled(host, `systemd's properties of a unit cannot be read: ${String(error)}`)
  }
}

/** a(sasbttttuii): path, argv, and what became of it. */
function commandsOf(value: unknown): string[][] {
  return (Array.isArray(value) ? value : []).map((entry: unknown) => texts(Array.isArray(entry) ? entry[1] : []))
}

/** `PACKAGE: PATH` and `PACKAGE:ARCH: PATH`; of a path in several packages the first (dpkg-query(1), -S). */
function packagesOf(lines: string): Map<string, string> {
  const owners = new Map<string, string>()
  for (const line of lines.split('\n')) {
    const match = /^([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9-]+)?(?:, [^:]+(?::[a-z0-9-]+)?)*: (\/.*)$/.exec(line)
    if (match?.[1] !== undefined && match[2] !== undefined) owners.set(match[2], match[1])
  }
  return owners
}

/** ADDRESS:PORT in hex; each 32-bit word of the address has the byte order of the machine, little-endian on all that Debian has here. */
function listeningOf(records: Fields[]): SeenService['listening'] {
  const found = new Map<string, { address: string; port: number }>()
  for (const [, socket = ''] of records) {
    const [hex = '', port = ''] = socket.split(':')
    const words = hex.match(/.{8}/g) ?? []
    const bytes = words.flatMap((word) => [6, 4, 2, 0].map((at) => Number.parseInt(word.slice(at, at + 2), 16)))
    const address =
      bytes.length === 4 ? bytes.join('.') : bytes.every((byte) => byte === 0) ? '[::]' : `[${inet6(bytes)}]`
    found.set(`${address}:${port}`, { address, port: Number.parseInt(port, 16) })
  }
  return [...found.values()].sort((a, b) => a.port - b.port)
}

function inet6(bytes: number[]): string {
  const groups = Array.from({ length: 8 }, (_, n) => ((bytes[2 * n] ?? 0) * 256 + (bytes[2 * n + 1] ?? 0)).toString(16))
  return groups.join(':')
}

/** One file once: a process has it open under one path, and it lies in the state directory under another. */
function databasesOf(records: Fields[]): SeenDatabase[] {
  const found = new Map<string, SeenDatabase>()
  for (const [, how, path, file = '', bytes, user = '', group = '', mode = '', write, read] of records)
    if (!found.has(file))
      found.set(file, {
        ...hostPath(path),
        open: how === 'open',
        bytes: Number(bytes),
        user,
        group,
        mode,
        wal: write === '2' && read === '2',
      })
  return [...found.values()]
}

function hostPath(base64: string | undefined): HostPath {
  const bytes = Buffer.from(base64 ?? '', 'base64')
  const text = bytes.toString()
  if (Buffer.from(text).equals(bytes)) return { text, utf8: true }
  return { text: bytes.toString('latin1').replaceAll(/[\x80-\xff]/g, escaped), utf8: false }
}

const escaped = (char: string) => `\\x${char.charCodeAt(0).toString(16)}`
const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(text) : [])
const decoded = (base64: string | undefined): string => Buffer.from(base64 ?? '', 'base64').toString()

function garbled(host: string, found: string): Problem {
  return new Problem({
    code: 'survey-garbled',
    doing: `looking at the services of ${host}`,
    found,
    next: 'run the command again; when it stays so, see whether systemd answers there (systemctl list-units)',
    host,
  })
}
