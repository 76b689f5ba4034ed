import type { SshConnection } from '../host/connection.ts'
import { runAsRoot } from '../host/root.ts'
import type { Host } from '../inventory/model.ts'
import { Problem } from '../problem.ts'
import type { RolledApp } from '../report/events.ts'
import { hostProgram } from '../templates/render.ts'
import type { RunContext } from './context.ts'
import { releaseOf, rollOutcomes } from './journal.ts'

const deadlineSeconds = 60

/** A restart of the past, as its host has written it down. `at`: ISO 8601. */
export type PastRoll = Omit<RolledApp, 'databases'> & { at: string; who: string }

/** The releases of an app that are on a host. */
export interface ReleasesHere {
  current: string | null
  /** `laidAt`: seconds since 1970. */
  releases: { digest: string; laidAt: number }[]
}

/** What a host knows of the past of its apps. */
export interface History {
  past: PastRoll[]
  /** By app. */
  releases: Map<string, ReleasesHere>
}

/**
 * The last restarts of apps on a host that `update` and `restart` have made (50 an app are kept), the oldest first, and its releases.
 * @throws Problem `history-failed`, and those of `runAsRoot`
 */
export async function readHistory(
  context: RunContext,
  host: Host,
  connection: SshConnection,
  apps: readonly string[],
): Promise<History> {
  const answer = await runAsRoot(connection, {
    doing: `reading the history of ${host.name}`,
    files: [{ name: 'history.sh', content: hostProgram('history.sh') }],
    workIn: '/run/streamside',
    program: 'history.sh',
    args: [...apps],
    sudoPassword: host.sudoPassword,
    ...(context.askSudoPassword ? { askPassword: () => context.askSudoPassword!(host.name) } : {}),
    deadlineSeconds,
  })
  if (answer.code !== 0)
    throw new Problem({
      code: 'history-failed',
      doing: `reading the history of ${host.name}`,
      found: answer.stderr.trim() || `the host answered with status ${answer.code}`,
      next: 'see whether its disk can be read (dmesg there), then run this again',
      host: host.name,
    })
  return parseHistory(answer.stdout)
}

/** Reads the answer of history.sh. A line that was not written whole, or by a version that knows more, is left out. */
export function parseHistory(text: string): History {
  const history: History = { past: [], releases: new Map() }
  const here = (app: string) => {
    const known = history.releases.get(app) ?? { current: null, releases: [] }
    history.releases.set(app, known)
    return known
  }
  for (const line of text.split('\n')) {
    const [kind, app = '', ...fields] = line.split('\t')
    const digest = releaseOf(fields[0] ?? '')
    if (kind === 'rolled') history.past.push(...pastRoll(app, fields))
    if (kind === 'release' && digest !== null) here(app).releases.push({ digest, laidAt: Number(fields[1] ?? '') || 0 })
    if (kind === 'current') here(app).current = digest
  }
  return history
}

function pastRoll(app: string, fields: string[]): PastRoll[] {
  const [epoch = '', who = '', outcome = '', from = '', to = '', down = '', mode = ''] = fields
  const known = rollOutcomes.find((each) => each === outcome)
  if (app === '' || !/^\d{1,12}$/.test(epoch) || known === undefined) return []
  return [
    {
      app,
      at: new Date(Number(epoch) * 1000).toISOString(),
      who: Buffer.from(who, 'base64').toString().trim(),
      outcome: known,
      from: releaseOf(from),
      to: releaseOf(to),
      downSeconds: /^\d+$/.test(down) ? Number(down) / 1000 : null,
      mode: mode === 'restore' ? 'restore' : 'prove',
    },
  ]
}

/**
 * The release that `rollback` goes to: what ran before the last update that went through; where that is not known (`provision` has
 * brought what runs), the newest one that came before it and was never put back. Null: none is here.
 */
export function releaseBefore(app: string, { past, releases }: History): string | null {
  const here = releases.get(app)
  if (here === undefined || here.current === null) return null
  const { current } = here
  const isHere = (digest: string | null) => here.releases.some((each) => each.digest === digest)
  const mine = past.filter((roll) => roll.app === app)
  const last = mine.findLast(({ outcome, from, to }) => outcome === 'rolled' && to === current && from !== to)
  if (last !== undefined && last.from !== null && isHere(last.from)) return last.from
  const bad = new Set(mine.filter(({ outcome }) => outcome === 'put-back').map(({ to }) => to))
  const since = here.releases.find(({ digest }) => digest === current)?.laidAt ?? 0
  const [newest] = here.releases
    .filter(({ digest, laidAt }) => digest !== current && laidAt <= since && !bad.has(digest))
    .toSorted((a, b) => b.laidAt - a.laidAt)
  return newest?.digest ?? null
}
