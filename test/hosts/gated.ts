import type { Owner } from '../../src/replica/owner.ts'
import {
  deleteObjects,
  getObject,
  type LabHost,
  listObjects,
  putFile,
  putObject,
  runInHost,
  shellInHost,
} from '../lab/index.ts'
import { eventsOf, notesApp, readRows, type Run, type Site, until, writeRow } from './site.ts'

/** An app whose starts a gate decides about. */
export interface Gated {
  site: Site
  host: LabHost
  name: string
  port: number
  /** Its folder in the bucket, with a slash at the end. */
  prefix: string
}

/** Lab apps on one host, a port after the other. */
export function gatedApps(
  host: string,
  firstPort: number,
  names: readonly string[],
  more: Record<string, Record<string, unknown>> = {},
): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    names.map((name, index) => {
      const port = firstPort + index
      return [name, notesApp(host, port, more[name])]
    }),
  )
}

/** The same apps, given up after a second: a run waits for one app after the other, and here the gate holds them all. */
export function impatient(apps: Record<string, Record<string, unknown>>): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(apps).map(([name, app]) => [
      name,
      { ...app, health: { ...(app['health'] as object), within: '1s' } },
    ]),
  )
}

/** A handle on an app of a site that was made of `gatedApps`; `prefix` is the site's name. */
export function gated(site: Site, prefix: string, apps: Record<string, Record<string, unknown>>, name: string): Gated {
  const { host, port } = apps[name] as { host: string; port: number }
  return { site, host: site.host(host), name, port, prefix: `${prefix}/${name}/` }
}

export const folderOf = (app: Gated): string => `/var/lib/${app.name}/data`
export const databaseOf = (app: Gated): string => `${folderOf(app)}/notes.db`
/** What the host remembers about the app's database. */
export const memoryOf = (app: Gated, file: string): string => `/var/lib/streamside/apps/${app.name}/${file}`

/** Not waited for: a start that the gate holds back never ends. */
export async function begin(app: Gated, verb: 'start' | 'restart' = 'restart'): Promise<void> {
  await runInHost(app.host, ['systemctl', verb, '--no-block', `${app.name}.service`])
}

export async function stop(app: Gated): Promise<void> {
  await runInHost(app.host, ['systemctl', 'stop', `${app.name}.service`])
}

/** SIGKILL for the app alone: systemd starts it again by itself. */
export async function crash(app: Gated): Promise<void> {
  await runInHost(app.host, ['systemctl', 'kill', '--signal=SIGKILL', `${app.name}.service`])
}

/** As a dying card takes it: the database and all that lies beside it, under the running app. */
export async function loseDatabase(app: Gated): Promise<void> {
  await shellInHost(app.host, 'rm -rf "$1"/* "$1"/.notes.db-litestream', [folderOf(app)])
}

export interface Reason {
  code: string
  text: string
  next: string
}

/** Why the gate holds the app back; null when it does not. */
export async function reasonOf(app: Gated): Promise<Reason | null> {
  const text = await shellInHost(app.host, 'cat "$1" 2>/dev/null || :', [memoryOf(app, 'reason')])
  return text === '' ? null : (JSON.parse(text) as Reason)
}

/** Waits until the gate has refused with this code. */
export async function refused(app: Gated, code: string, seconds = 40): Promise<Reason> {
  let last: Reason | null = null
  return until(`the gate of ${app.name} to refuse with ${code}`, seconds, async () => {
    last = await reasonOf(app)
    return last?.code === code ? last : null
  }).catch(async (error: unknown) => {
    throw new Error(`${String(error)}; it said ${JSON.stringify(last)}\n${await journalOf(app)}`)
  })
}

/**
 * Waits until `systemctl status`, as a person would type it, says what is expected: it shows the words of the present try
 * only, and a try that has just begun has said nothing yet.
 */
export async function statusSays(app: Gated, words: RegExp, unit = `${app.name}-gate`): Promise<string> {
  let last = ''
  return until(`systemctl status of ${unit} to say ${words}`, 30, async () => {
    last = await shellInHost(app.host, 'systemctl status --no-pager --full --lines=10 "$1" || :', [unit])
    return words.test(last) ? last : null
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}; it said\n${last}`)
  })
}

export async function journalOf(app: Gated): Promise<string> {
  const units = [`-u${app.name}`, `-u${app.name}-gate`, `-u${app.name}-litestream`, `-u${app.name}-check`]
  return (await runInHost(app.host, ['journalctl', '--no-pager', '-ocat', '-n40', ...units])).stdout
}

export async function isRunning(app: Gated): Promise<boolean> {
  return (await shellInHost(app.host, 'systemctl is-active "$1" || :', [app.name])).trim() === 'active'
}

/** The rows, once the app is up by itself; with a deadline that covers RestartSec, the gate and a restore. */
export async function rowsOnceUp(app: Gated, seconds = 40): Promise<string[]> {
  return until(`${app.name} to come up by itself`, seconds, () => readRows(app.host, app.port).catch(() => null)).catch(
    async (error: unknown) => {
      throw new Error(`${String(error)}\n${await journalOf(app)}`)
    },
  )
}

/** The app's main process has been replaced by one that the gate let through. */
export async function rowsAfterRestart(app: Gated): Promise<string[]> {
  await runInHost(app.host, ['systemctl', 'restart', `${app.name}.service`], { deadlineSeconds: 50 })
  return rowsOnceUp(app)
}

/** Writes rows one after another, far enough apart for each to be a transaction of its own in the bucket. */
export async function writeRows(app: Gated, ...texts: string[]): Promise<void> {
  for (const text of texts) await writeRow(app.host, app.port, text)
}

/** The owner object as it lies in the bucket. */
export async function readOwner(app: Gated): Promise<Owner> {
  const body = await getObject(app.site.lab.instance, `${app.prefix}owner.json`)
  if (body === null) throw new Error(`${app.name} has no owner object`)
  return JSON.parse(body.toString()) as Owner
}

/** Puts something else in the owner object's place (null: nothing); what it gives back puts the old one back. */
export async function replaceOwner(app: Gated, change: (owner: Owner) => unknown): Promise<() => Promise<void>> {
  const { instance } = app.site.lab
  const key = `${app.prefix}owner.json`
  const old = await getObject(instance, key)
  if (old === null) throw new Error(`${app.name} has no owner object`)
  const next = change(JSON.parse(old.toString()) as Owner)
  if (next === null) await deleteObjects(instance, key)
  else await putObject(instance, key, typeof next === 'string' ? next : JSON.stringify(next))
  return () => putObject(instance, key, old)
}

/** Objects of the app's chain in the bucket, with the transactions that each covers. */
export async function chainOf(app: Gated, path?: string): Promise<{ key: string; min: number; max: number }[]> {
  const current = path ?? (await readOwner(app)).path
  const objects = await listObjects(app.site.lab.instance, `${app.prefix}${current}/`)
  return objects.flatMap(({ key }) => {
    const range = /([0-9a-f]{16})-([0-9a-f]{16})\.ltx$/.exec(key)
    return range ? [{ key, min: Number.parseInt(range[1] ?? '', 16), max: Number.parseInt(range[2] ?? '', 16) }] : []
  })
}

/** Changes objects (null: deletes them); what it gives back puts them back as they were. */
export async function spoil(
  app: Gated,
  keys: string[],
  change: (body: Buffer) => Buffer | null,
): Promise<() => Promise<void>> {
  const { instance } = app.site.lab
  const old = new Map<string, Buffer>()
  for (const key of keys) {
    const body = await getObject(instance, key)
    if (body === null) throw new Error(`there is no ${key}`)
    old.set(key, body)
    const next = change(body)
    if (next === null) await deleteObjects(instance, key)
    else await putObject(instance, key, next)
  }
  return async () => {
    for (const [key, body] of old) await putObject(instance, key, body)
  }
}

/** The problem of one app in provision's answer. */
export function problemOf(run: Run, app: string): Record<string, unknown> {
  const problems = eventsOf(run, 'problem').map((event) => event['problem'] as Record<string, unknown>)
  const found = problems.find((problem) => problem['app'] === app)
  if (found === undefined) throw new Error(`provision said nothing of ${app}:\n${run.stdout}${run.stderr}`)
  return found
}

/** Writes rows and waits until the bucket has the last of them. */
export async function writeUploaded(app: Gated, ...texts: string[]): Promise<void> {
  for (const text of texts) {
    const before = await newestIn(app)
    await writeRow(app.host, app.port, text)
    await until(`${text} of ${app.name} in the bucket`, 15, async () => ((await newestIn(app)) > before ? true : null))
  }
}

/** The highest transaction of the app's chain in the bucket; 0 for none. */
export async function newestIn(app: Gated): Promise<number> {
  return Math.max(0, ...(await chainOf(app)).map(({ max }) => max))
}

/** What those of them hold that tests change: `claim` an id, `last-owner` the rest. */
export interface Remembered {
  id?: string
  read?: number
  owner?: Owner
}

/** Changes a JSON file of what the host remembers about an app (null: removes it); works with the host on and off. */
export async function rememberOtherwise(app: Gated, file: string, change: (old: Remembered) => unknown): Promise<void> {
  const path = memoryOf(app, file)
  const old = await shellInHost(app.host, 'cat "$1" 2>/dev/null || echo null', [path])
  const next = change(JSON.parse(old) as Remembered)
  if (next === null) await runInHost(app.host, ['rm', '-f', path])
  else await putFile(app.host, path, `${JSON.stringify(next)}\n`, { mode: '0600' })
}
