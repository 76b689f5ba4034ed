import type { SshConnection } from '../host/connection.ts'
import { runAsRoot } from '../host/root.ts'
import { type App, type Host, unitOf } from '../inventory/model.ts'
import { type ExitCode, exitCodes, Problem } from '../problem.ts'
import { wantsColor } from '../report/colour.ts'
import { formatLogLine, inOrder, type LogLine } from '../report/log-lines.ts'
import type { RunContext } from '../rollout/context.ts'
import type { HostResult, Spent } from '../rollout/fleet.ts'
import { openHost } from '../rollout/look.ts'
import { hostProgram } from '../templates/render.ts'
import { appNamed, hostsOf } from './app-hosts.ts'
import { runOverHosts } from './run.ts'
import type { RunOptions } from './run-options.ts'

export interface LogsOptions extends RunOptions {
  follow: boolean
  /** Newest lines of each host; null = all of `since`, or 100. */
  lines: number | null
  /** As journalctl takes it: `-1h`, `yesterday`, `2026-11-21 10:00`. */
  since: string | null
}

/** Seconds for a journal that is not followed: a big one on a slow card is read from its beginning for `--since`. */
const deadlineSeconds = 120

/**
 * `streamside logs APP`: what the journals of its hosts say of it, its gate, Litestream and the timer; with `-f` until Ctrl-C, or
 * until nobody reads any more, which is then no failure.
 * @throws InventoryProblem, Problem `app-unknown`, `limit-unknown`, `limit-empty`
 */
export async function runLogs(app: string, options: LogsOptions): Promise<ExitCode> {
  const stopping = untilStopped()
  // Lines that are not followed are put in the order of their times, which is known once all are there.
  const live = options.follow || options.json
  const held: LogLine[] = []
  const job = async (context: RunContext, host: Host, spent: Spent): Promise<HostResult> => {
    const take = (line: string) => {
      // An empty one is how the host finds out whether anybody still reads.
      if (line === '') return
      if (live) context.report({ type: 'log-line', host: host.name, line })
      else held.push({ host: host.name, line })
    }
    const connection = await openHost(context, host)
    spent(connection)
    const end = () => void connection.close()
    stopping.addEventListener('abort', end)
    try {
      await read(connection, context, host, journalArguments(appNamed(context.inventory, app), options), {
        follow: options.follow,
        onLine: take,
      })
    } catch (error) {
      // Ctrl-C ends the connection, and with it journalctl on the host.
      if (!stopping.aborted) throw error
    } finally {
      stopping.removeEventListener('abort', end)
      await connection.close()
    }
    return { outcome: 'sound', changes: 0, exit: exitCodes.done }
  }
  const { stdout } = process
  // All at once: one that waited for its turn would wait for as long as the others are followed.
  const all = { ...options, limit: [], verbose: true, parallel: Infinity }
  const exit = await runOverHosts('logs', all, stopping, job, {
    load: { skipLocalFiles: true },
    hosts: (inventory) => hostsOf(inventory, app, options.limit),
    result: (hosts) => {
      const names = hosts.map(({ name }) => name)
      return inOrder(held)
        .map((line) => formatLogLine(line, names, wantsColor(stdout)))
        .join('\n')
    },
  })
  return stopping.aborted && exit === exitCodes.failed ? exitCodes.done : exit
}

/** The first signal ends the reading, the next one the program: nothing on a host has to be waited for. */
function untilStopped(): AbortSignal {
  const stopped = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.removeAllListeners(signal)
    process.once(signal, () => stopped.abort())
  }
  // `logs -f | head`
  process.stdout.once('error', () => stopped.abort())
  return stopped.signal
}

/** Arguments of journalctl: values, never code; `runAsRoot` quotes them. */
export function journalArguments(
  app: Pick<App, 'name' | 'service'>,
  options: Pick<LogsOptions, 'follow' | 'lines' | 'since'>,
): string[] {
  const units = [unitOf(app), ...['gate', 'litestream', 'check'].map((part) => `${app.name}-${part}.service`)]
  const lines = options.lines ?? (options.since === null ? 100 : null)
  return [
    '--no-pager',
    '--quiet',
    '--no-hostname',
    '--utc',
    '--output=short-iso-precise',
    ...units.map((unit) => `--unit=${unit}`),
    ...(lines === null ? [] : [`--lines=${lines}`]),
    ...(options.since === null ? [] : [`--since=${options.since}`]),
    ...(options.follow ? ['--follow'] : []),
  ]
}

async function read(
  connection: SshConnection,
  context: RunContext,
  host: Host,
  args: string[],
  how: { follow: boolean; onLine: (line: string) => void },
): Promise<void> {
  const answer = await runAsRoot(connection, {
    doing: `reading the journal of ${host.name}`,
    files: [{ name: 'logs.sh', content: hostProgram('logs.sh') }],
    workIn: '/run/streamside',
    program: 'logs.sh',
    args,
    sudoPassword: host.sudoPassword,
    ...(context.askSudoPassword ? { askPassword: () => context.askSudoPassword!(host.name) } : {}),
    deadlineSeconds: how.follow ? Infinity : deadlineSeconds,
    onLine: how.onLine,
    onlyLines: true,
  })
  if (answer.code === 0) return
  throw new Problem({
    code: 'journal-unreadable',
    doing: `reading the journal of ${host.name}`,
    found: answer.stderr.trim() || `journalctl ended with status ${answer.code}`,
    next: 'see whether --since is a time that journalctl knows (systemd.time(7)), and whether the journal is whole (journalctl --verify)',
    host: host.name,
  })
}
