/**
 * ./scripts/demo: real hosts go from bare to serving, lose a database and get it back.
 * Usage: scripts/demo [--keep]        STREAMSIDE_LAB names the lab it makes (default: lab). Needs root.
 */
import { readAccess } from './access.ts'
import { advice } from './advice.ts'
import { litestreamVersion } from './download.ts'
import { shellInHost } from './inside.ts'
import { defaultInstance, findInstance, instanceName, leaveInstance } from './instances.ts'
import { demoInventory } from './inventory.ts'
import { defaultHosts, down, hostOf, prepare, up } from './lab.ts'
import type { LabHost } from './lab-host.ts'
import { standing } from './leftover.ts'
import { requireRoot } from './machine.ts'
import { checkout } from './paths.ts'
import { processNow } from './ran.ts'
import { $, until } from './shell.ts'

const started = performance.now()
const interrupted = new AbortController()
const rows = ['the first row', 'Grüße aus dem Keller', 'a row with "quotes", $dollars and 100 %']

/** Runs one step and prints its line: time since the start, what was done, what came of it, how long it took. */
async function step<T>(text: string, work: () => Promise<T>, outcome: (value: T) => string = () => ''): Promise<T> {
  const begun = performance.now()
  const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`
  const line = (rest: string): string => `${seconds(started).padStart(7)}  ${text}${rest}`
  if (process.stdout.isTTY) process.stdout.write(`${line(' …')}\r`)
  const stop = new Promise<never>((_, reject) => {
    interrupted.signal.addEventListener('abort', () => reject(new Error('interrupted')), { once: true })
  })
  interrupted.signal.throwIfAborted()
  const value = await Promise.race([work(), stop])
  const result = outcome(value)
  console.log(line(`${result ? `: ${result}` : ''}  (${seconds(begun)})`))
  return value
}

/** What the demo reads of the events that `streamside --json` prints, one a line. */
type ProvisionEvent =
  | { type: 'host-done'; host: string; outcome: string; changes: number; execs: number; seconds: number }
  | { type: 'problem'; problem: { host?: string; doing: string; found: string; next: string } }
  | { type: 'other' }

/** `streamside provision` as a script runs it; answers what came of each host. Throws with the problems when it fails. */
async function provision(inventory: string): Promise<string> {
  const run = await $({
    signal: interrupted.signal,
  })`${checkout}/scripts/streamside provision --inventory ${inventory} --accept-new --yes --json`.nothrow()
  const events = run.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as ProvisionEvent)
  if (run.exitCode !== 0) {
    const problems = events.flatMap((event) => (event.type === 'problem' ? [event.problem] : []))
    const told = problems.map((each) => `  ${each.host ?? ''} ${each.doing}: ${each.found}\n    next: ${each.next}`)
    throw new Error(`streamside provision exited with ${run.exitCode}\n${told.join('\n') || run.stderr}`)
  }
  const done = events.flatMap((event) => (event.type === 'host-done' ? [event] : []))
  return done
    .map((each) => `${each.host} ${each.outcome}, ${each.changes} changes, ${plural(each.execs, 'exec')}`)
    .join('; ')
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

const urlOf = (host: LabHost, path: string): string => `http://${host.address}:8080${path}`

async function write(host: LabHost): Promise<void> {
  for (const text of rows) {
    const answer = await fetch(urlOf(host, '/rows'), {
      method: 'POST',
      body: text,
      signal: AbortSignal.timeout(10_000),
    })
    if (answer.status !== 201) throw new Error(`POST /rows answered ${answer.status}`)
  }
}

async function read(host: LabHost): Promise<string[]> {
  const answer = await fetch(urlOf(host, '/rows'), { signal: AbortSignal.timeout(10_000) })
  return ((await answer.json()) as { text: string }[]).map((row) => row.text)
}

/** Has Litestream send all it has; it answers when the bucket holds the last transaction. */
async function uploaded(host: LabHost): Promise<string> {
  const litestream = `/usr/local/lib/streamside/litestream-${litestreamVersion}/litestream`
  const sync =
    '"$1" sync -wait -timeout 30 -json -socket /run/streamside/socket/notes/litestream.sock /var/lib/notes/notes.db'
  const answer = JSON.parse(await shellInHost(host, sync, [litestream])) as { txid: number; replica_txid: number }
  return `transaction ${answer.txid} here, ${answer.replica_txid} there`
}

async function show(name: string): Promise<void> {
  await step('bring what is missing (packages, Litestream, SeaweedFS, base trees)', () =>
    prepare(defaultHosts, {
      say: (line) => process.stdout.isTTY && process.stdout.write(`\r\u001B[K         ${line}\r`),
    }),
  )
  const demo = await processNow(process.pid)
  if (demo === null) throw new Error(`/proc/${process.pid}/stat is missing; is /proc mounted?`)
  const lab = await step(
    'boot three bare hosts and an S3 server',
    () => up(defaultHosts, { instance: name, demo }),
    ({ hosts }) => hosts.map((host) => `${host.name} (${host.suite})`).join(', '),
  )
  const inventory = await demoInventory(lab.instance)
  await step(
    `streamside provision --inventory ${inventory.replace(`${checkout}/`, '')}`,
    () => provision(inventory),
    String,
  )
  const attic = hostOf(lab, 'pi-attic')
  await step(`write ${rows.length} rows through the app notes at ${urlOf(attic, '/rows')}`, () => write(attic))
  await step('wait until they are in the bucket', () => uploaded(attic), String)
  await step('delete its database on pi-attic, WAL and Litestream’s own state included', () =>
    shellInHost(
      attic,
      'cd /var/lib/notes && rm -rf notes.db notes.db-wal notes.db-shm .notes.db-litestream && ! ls *.db 2>/dev/null',
    ),
  )
  await step('systemctl restart notes: the gate restores it before the app starts', () =>
    shellInHost(attic, 'systemctl restart notes.service', [], { deadlineSeconds: 120 }),
  )
  await step('wait until the app answers', () =>
    until('the app notes to answer after its restore', 60, () =>
      fetch(urlOf(attic, '/health'), { signal: AbortSignal.timeout(1000) }).then(
        (answer) => answer.ok,
        () => false,
      ),
    ),
  )
  const found = await step(
    'read the rows',
    () => read(attic),
    (texts) => texts.map((text) => JSON.stringify(text)).join(', '),
  )
  if (JSON.stringify(found) !== JSON.stringify(rows))
    throw new Error(`these are not the rows that were written: ${JSON.stringify(rows)}`)
  await step('streamside provision once more, which has nothing to do', () => provision(inventory), String)
}

async function tryNext(name: string): Promise<void> {
  const instance = await findInstance(name)
  if (instance === null) return
  const { s3 } = await readAccess(instance)
  const inventory = await demoInventory(instance)
  const isDefault = name === defaultInstance
  console.log(advice({ name, isDefault, inventory, endpoint: s3.endpoint, checkout, cwd: process.cwd() }))
}

/** The command line with the instance that it is about. */
const command = (name: string, words: string): string =>
  name === defaultInstance ? words : `STREAMSIDE_LAB=${name} ${words}`

async function main(args: string[]): Promise<number> {
  const unknown = args.filter((each) => each !== '--keep')
  if (unknown.length > 0) {
    const asked = unknown.some((each) => ['-h', '--help'].includes(each))
    console[asked ? 'log' : 'error']('usage: scripts/demo [--keep]      --keep leaves the lab up at the end')
    return asked ? 0 : 2
  }
  requireRoot()
  const name = instanceName()
  const there = await standing(await findInstance(name))
  if (there.kind === 'leftover') {
    await step(`take down the lab ${name}, which a demo that was killed has left`, () => down({ instance: name }))
  } else if (there.kind !== 'none') {
    const what =
      there.kind === 'demo'
        ? `another demo (process ${there.pid}) is at work in the lab ${name}: wait for it`
        : `the lab ${name} is up already, and the demo wants bare hosts: take it down (${command(name, 'scripts/lab down')})`
    throw new Error(`${what}, or give the demo a lab of its own (STREAMSIDE_LAB=demo scripts/demo)`)
  }
  let keep = args.includes('--keep')
  try {
    await show(name)
  } catch (error) {
    keep = false
    throw error
  } finally {
    if (keep) {
      await leaveInstance(name)
      await tryNext(name)
    } else if (await down({ instance: name }))
      // not a step: it also runs after an interruption
      console.log(`The lab is down again. To have a look around: ${command(name, 'scripts/demo --keep')}`)
  }
  return 0
}

process.on('SIGINT', () => {
  if (interrupted.signal.aborted) process.exit(130)
  interrupted.abort()
})
process.on('SIGTERM', () => interrupted.abort())

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  console.error(`demo: ${(error as Error).message}`)
  // what was interrupted may still be running: its lab is down, nothing is worth waiting for
  process.exit(interrupted.signal.aborted ? 130 : 1)
}
