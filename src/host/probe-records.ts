import type {
  GateReason,
  Listener,
  ObservedApp,
  ObservedDatabase,
  ObservedReplica,
  ObservedService,
  ObservedUnit,
} from './observed.ts'

/** `systemctl show` prints a block of Key=Value lines a unit, with an empty line between; each comes as one record. */
export function parseUnits(records: string[][]): Map<string, ObservedUnit> {
  const units = new Map<string, ObservedUnit>()
  let block = new Map<string, string>()
  const close = () => {
    const name = block.get('Id')
    if (name !== undefined)
      units.set(name, {
        loadState: block.get('LoadState') ?? '',
        activeState: block.get('ActiveState') ?? '',
        subState: block.get('SubState') ?? '',
        unitFileState: block.get('UnitFileState') ?? '',
        fragmentPath: block.get('FragmentPath') ?? '',
        dropInPaths: (block.get('DropInPaths') ?? '').split(' ').filter(Boolean),
        needsReload: block.get('NeedDaemonReload') === 'yes',
        result: block.get('Result') ?? '',
        invocation: block.get('InvocationID') ?? '',
      })
    block = new Map()
  }
  for (const [text = ''] of records) {
    if (text === '') {
      close()
      continue
    }
    const at = text.indexOf('=')
    block.set(text.slice(0, at), text.slice(at + 1))
  }
  close()
  return units
}

/** Databases by path: INDEX, BYTES, then OWNER, GROUP, MODE of each file; and INDEX, how it is written. */
export function parseDatabases(
  databases: string[][],
  journals: string[][],
  request: { databases: { path: string }[] },
): Map<string, ObservedDatabase> {
  const written = new Map(journals.map(([index = '', journal]) => [index, journal]))
  return new Map(
    databases.map(([index = '', bytes, owner = '', group = '', mode = '', ...beside]) => {
      const file: ObservedDatabase = { bytes: Number(bytes), owner, group, mode }
      if (beside.length > 0)
        file.beside = beside.flatMap((name, n) =>
          n % 3 === 0 ? [{ owner: name, group: beside[n + 1] ?? '', mode: beside[n + 2] ?? '' }] : [],
        )
      const journal = written.get(index)
      if (journal === 'wal' || journal === 'rollback' || journal === 'none') file.journal = journal
      return [request.databases[Number(index)]?.path ?? '', file]
    }),
  )
}

/** Lines UNIT, KEY=VALUE: what systemd shows, and what stands in the unit's own files. */
export function parseServices(shown: string[][], own: string[][]): Map<string, ObservedService> {
  const found = new Map<string, ObservedService>()
  const add = (records: string[][], part: keyof ObservedService) => {
    for (const [unit = '', line = ''] of records) {
      const at = line.indexOf('=')
      const service = found.get(unit) ?? { properties: new Map<string, string>(), own: new Map<string, string>() }
      if (at > 0) service[part].set(line.slice(0, at), line.slice(at + 1))
      found.set(unit, service)
    }
  }
  add(shown, 'properties')
  add(own, 'own')
  return found
}

/** Drop-ins that lie on disk, by unit; their paths come in base64. A unit may have been asked for twice. */
export function parseOverrides(records: string[][]): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const [unit = '', text = ''] of records) {
    const file = Buffer.from(text, 'base64').toString()
    const files = found.get(unit) ?? []
    if (!files.includes(file)) found.set(unit, [...files, file])
  }
  return found
}

export function parseApps(apps: string[][], reasons: string[][], releases: string[][]): Map<string, ObservedApp> {
  const found = new Map<string, ObservedApp>()
  for (const [name = '', claim, path = ''] of apps)
    found.set(name, {
      claimed: claim === 'yes',
      claimPath: path === '' ? null : path,
      reason: null,
      releases: [],
    })
  for (const [name = '', text = ''] of reasons) {
    const app = found.get(name)
    if (app) app.reason = parseReason(Buffer.from(text, 'base64').toString())
  }
  for (const [name = '', release = ''] of releases) found.get(name)?.releases.push(release)
  return found
}

/** PORT, PID (or -), UNIT, COMMAND in base64. */
export function parseListener([port, pid, unit = '', command = '']: string[]): Listener {
  return {
    port: Number(port),
    pid: pid === '-' ? null : Number(pid),
    unit,
    command: Buffer.from(command, 'base64').toString().trim(),
  }
}

/** The gate's reason file; a damaged one is shown as it is rather than lost. */
export function parseReason(text: string): GateReason {
  try {
    const value = JSON.parse(text) as Partial<GateReason>
    return { time: value.time ?? '', code: value.code ?? '', text: value.text ?? text, next: value.next ?? '' }
  } catch {
    return { time: '', code: 'unreadable', text, next: '' }
  }
}

/** A line of /var/lib/streamside/signatures: stat, content, digest, path (encoded for printf %b). */
export function parseSignature([stat = '', content = '', digest = '', path = '']: string[]): [
  string,
  { stat: string; content: string; digest: string },
] {
  return [
    path.replaceAll(/\\(.)/g, (_, char: string) => ({ n: '\n', t: '\t' })[char] ?? char),
    { stat, content, digest },
  ]
}

/** Replicas by name: INDEX, mounted or bare; and INDEX, INSTANCE, the owner object in base64. */
export function parseReplicas(
  replicas: string[][],
  held: string[][],
  request: { replicas: { name: string; path: string }[] },
): Map<string, ObservedReplica> {
  return new Map(
    replicas.map(([index = '', state, owner = '', mode = '']) => [
      request.replicas[Number(index)]?.name ?? '',
      {
        path: request.replicas[Number(index)]?.path ?? '',
        isMounted: state === 'mounted',
        below: owner === '' ? null : { owner, mode },
        owners: held.flatMap(([of, instance = '', body = '']) =>
          of === index ? [{ instance, body: Buffer.from(body, 'base64').toString() }] : [],
        ),
      },
    ]),
  )
}
