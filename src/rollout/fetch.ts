import type { SshConnection } from '../host/connection.ts'
import { runAsRoot } from '../host/root.ts'
import type { App, Host } from '../inventory/model.ts'
import { exitCodes, Problem } from '../problem.ts'
import { choosePoint, type WantedPoint } from '../replica/choose-point.ts'
import { readOwner } from '../replica/ensure.ts'
import type { Owner } from '../replica/owner.ts'
import { sourceOf } from '../replica/take-over.ts'
import { uploadsUnder } from '../replica/uploads.ts'
import { hostProgram } from '../templates/render.ts'
import type { RunContext } from './context.ts'
import { type Fetched, fetchFailure, fetchReader } from './fetch-lines.ts'
import { createFetchedFile, type FetchedFile } from './fetched-file.ts'
import type { HostResult, Spent } from './fleet.ts'
import { openHost } from './look.ts'
import { sourceEvent } from './restore-events.ts'
import type { Restoring } from './restore-survey.ts'

/** What is to be fetched of an app, and where it goes on this machine. */
export interface FetchOrder {
  app: App
  /** The point that is wanted; null = the newest there is. */
  point: WantedPoint | null
  /** By database: the file that it is written to. */
  files: ReadonlyMap<string, string>
  dryRun: boolean
}

/**
 * Databases of an app as its replica holds them, written to files of this machine: restored and checked by the host in a folder of
 * its own, for it has the keys, the way to the replica and Litestream. The app, its files and its owner object are left alone.
 * @throws Problem `restore-point-*`, `fetch-*`, `file-exists`, `replica-*`
 */
export async function fetchDatabases(
  context: RunContext,
  host: Host,
  spent: Spent,
  order: FetchOrder,
): Promise<HostResult> {
  const connection = await openHost(context, host)
  spent(connection)
  try {
    const restoring = await sourceFor(context, host, order)
    context.report(sourceEvent(host, restoring))
    if (order.dryRun) return { outcome: 'unchanged', changes: 0, exit: exitCodes.done }
    await fetched(context, host, order, restoring, connection)
    return { outcome: 'unchanged', changes: 0, exit: exitCodes.done }
  } finally {
    await connection.close()
  }
}

/** What the replica is asked for, in the terms of a restore. */
async function sourceFor(context: RunContext, host: Host, { app, point, files }: FetchOrder): Promise<Restoring> {
  const of = { inventory: context.inventory, app, host: host.name, open: context.buckets.openFor(host.name) }
  const owner = await readOwner(of)
  if (owner === null)
    throw new Problem({
      code: 'restore-point-none',
      doing: `looking for what the replica holds of ${app.name}`,
      found: 'the replica has nothing of it: it was never launched',
      next: 'nothing was changed',
      host: host.name,
      app: app.name,
    })
  const chosen = point === null ? null : await choosePoint(of, owner, point)
  const source = chosen?.path ?? sourceOf(owner)
  const uploads = chosen === null ? await uploadsUnder(of, source, [...files.keys()]) : []
  return { app, kind: 'to-file', found: owner.path, owner, source, uploads, chosen, proves: false, discarded: [] }
}

/** The transaction of each database: a chosen one, or the one that a restore under way is ordered to take. */
function wantedOf(name: string, { owner, chosen }: { owner: Owner | null; chosen: Restoring['chosen'] }): string {
  if (chosen) return chosen.dbs[name] ?? 'latest'
  return owner?.from && 'path' in owner.from ? (owner.from.dbs[name] ?? 'latest') : 'latest'
}

async function fetched(
  context: RunContext,
  host: Host,
  order: FetchOrder,
  restoring: Restoring,
  connection: SshConnection,
): Promise<void> {
  const { app, files } = order
  const { source, chosen, owner } = restoring
  const doing = `fetching ${app.name} from ${host.name}`
  const about = { doing, host: host.name, app: app.name }
  const step = (name: string, detail: string) =>
    context.report({ type: 'host-step', host: host.name, step: name, detail })
  const outputs = new Map<string, FetchedFile>()
  const done: Fetched[] = []
  const reader = fetchReader({
    restoring: (name) => step('restore', `${app.name} ${name}`),
    write: (name, data) => outputs.get(name)?.write(data),
    copied: (name, text) => step('copy', `${app.name} ${name}: ${text}`),
    fetched: (result) => void done.push(result),
  })
  const stopped = new AbortController()
  // Nothing on the host has to be seen to its end.
  const stop = () =>
    stopped.abort(
      new Problem({
        ...about,
        code: 'fetch-stopped',
        found: 'it was stopped',
        next: 'nothing was changed, and no file was written',
      }),
    )
  context.stopping.addEventListener('abort', stop)
  try {
    for (const [name, path] of files) outputs.set(name, createFetchedFile(path, about))
    const answer = await runAsRoot(connection, {
      doing,
      files: ['fetch.sh', 'restore.sh'].map((name) => ({ name, content: hostProgram(name) })),
      workIn: '/run/streamside',
      program: 'fetch.sh',
      args: [
        app.name,
        source ?? '',
        ...[...files.keys()].map((name) => `${name}=${wantedOf(name, { owner, chosen })}`),
      ],
      sudoPassword: host.sudoPassword,
      ...(context.askSudoPassword ? { askPassword: () => context.askSudoPassword!(host.name) } : {}),
      // a big database on a small machine takes hours; nothing on the host waits for it
      deadlineSeconds: Infinity,
      onLine: (line) => reader.take(line),
      onlyLines: true,
      signal: stopped.signal,
    })
    reader.end()
    if (answer.code !== 0 || reader.failed !== null || done.length < files.size)
      throw fetchFailure(about, reader.failed, answer)
    for (const { name, sha256 } of done) await outputs.get(name)?.finish(sha256)
  } finally {
    context.stopping.removeEventListener('abort', stop)
    for (const output of outputs.values()) await output.discard()
  }
  for (const { name, txid, bytes, sha256 } of done)
    context.report({
      type: 'fetched',
      host: host.name,
      app: app.name,
      database: name,
      file: files.get(name) ?? name,
      txid,
      bytes,
      sha256,
    })
}
