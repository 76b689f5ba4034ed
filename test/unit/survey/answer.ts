/** An answer as templates/host/survey.sh gives it, of made-up services. */
export interface MadeService {
  unit: string
  fragment?: string
  description?: string
  user?: string
  command?: string[]
  workingDirectory?: string
  stateDirectories?: string[]
  /** What a generator has made the unit file of. */
  source?: string
  names?: string[]
  listen?: string[]
  /** Path, and what else is said of it: open, device:inode, WAL. */
  databases?: { path: string | Buffer; file?: string; open?: boolean; wal?: boolean }[]
}

const base64 = (value: string | Buffer) => Buffer.from(value).toString('base64')
const property = (type: string, data: unknown) => JSON.stringify({ type, data })

export function surveyAnswer(services: MadeService[], more: { owners?: string; manifest?: object } = {}): string {
  const lines = services.flatMap((made, n) => {
    const number = String(n + 1)
    const of = (kind: string, ...fields: string[]) => [kind, number, ...fields].join('\t')
    const about = [
      property('s', made.fragment ?? `/etc/systemd/system/${made.unit}`),
      property('as', []),
      property('s', made.description ?? made.unit),
      property('s', made.source ?? ''),
    ]
    const command = made.command ?? ['/opt/x/run']
    const service = [
      property('s', `/system.slice/${made.unit}`),
      property('u', 100 + n),
      property('s', made.user ?? ''),
      property('b', false),
      property('s', made.workingDirectory ?? ''),
      property('as', made.stateDirectories ?? []),
      property('a(sasbttttuii)', [[command[0], command, false, 0, 0, 0, 0, 0, 0, 0]]),
    ]
    return [
      of('unit', base64(made.unit)),
      of('about', base64(about.join('\n'))),
      of('service', base64(service.join('\n'))),
      of('names', base64((made.names ?? []).map((name) => `${name}\0`).join(''))),
      ...(made.listen ?? []).map((socket) => of('listen', socket)),
      ...(made.databases ?? []).map(({ path, file, open = true, wal = true }, index) =>
        of(
          'database',
          open ? 'open' : 'there',
          base64(path),
          file ?? `1:${index}`,
          '4096',
          'shop',
          'shop',
          '644',
          wal ? '2' : '1',
          wal ? '2' : '1',
        ),
      ),
    ]
  })
  return [
    'streamside-survey\t1',
    `host\t${base64('pi-attic\n')}`,
    ...(more.manifest ? [`manifest\t${base64(JSON.stringify(more.manifest))}`] : []),
    ...lines,
    `owners\t${base64(more.owners ?? '')}`,
    'end',
    '',
  ].join('\n')
}
