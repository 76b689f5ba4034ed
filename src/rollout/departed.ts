import { setTimeout as sleep } from 'node:timers/promises'
import { instanceName, type Inventory, type S3Replica } from '../inventory/model.ts'
import { Problem } from '../problem.ts'
import type { ObservedReplica } from '../host/observed.ts'
import { type Held, heldAmong, heldInstances } from '../replica/held.ts'
import type { OpenStore, StoreLimits } from '../replica/store.ts'
import type { Report, RunEvent } from '../report/events.ts'

/**
 * Finds hosts that have left the inventory and still hold an app. A host that is gone leaves no trace in the inventory, and
 * nobody keeps a list of those there were: the truth is in the buckets, where each app's owner object names its holder. Nothing is
 * done about such a host, it is only told of.
 */
export interface Departed {
  /** A host is connected to: the question may go through its connection. Asked once a run, by the first. */
  ask(host: string): void
  /** The machine behind a name of the inventory: one that was given another name has not left. */
  isMachine(host: string, id: string): void
  /** What a host has answered of its replicas in directories, which are asked in no other way. */
  saw(replicas: ReadonlyMap<string, ObservedReplica>): void
  /** Before a connection is closed: waits until it is no longer needed for the question, at most a moment. */
  carried(host: string): Promise<void>
  /** Tells what was found. */
  tell(): Promise<void>
}

/** Milliseconds that a run waits for the answer when it is done with all else: the question must not hold anybody up. */
const patienceMs = 2000
/** One try: what is not answered now is asked again by the next run, and an open request would keep this one from ending. */
const limits: StoreLimits = { readMs: patienceMs, writeMs: patienceMs, readPausesMs: [] }

interface Leaver {
  host: string
  id: string
  instances: string[]
  replica: string
}

export function createDeparted(inventory: Inventory, openFor: (host: string) => OpenStore, report: Report): Departed {
  const machines = new Map<string, string>()
  const within = patience()
  const inDirectories = new Map<string, Leaver>()
  const known = knownInstances(inventory)
  let asking: { through: string; answer: Promise<Leaver[]> } | null = null
  return {
    ask(host) {
      if (asking !== null) return
      asking = { through: host, answer: departedIn(inventory, openFor(host)) }
      asking.answer.catch(() => {}) // heard by `tell`
    },
    isMachine: (host, id) => void machines.set(id, host),
    saw(replicas) {
      for (const [replica, { owners }] of replicas)
        for (const leaver of leavers(inventory, replica, heldAmong(owners, known))) {
          const key = `${leaver.id} ${replica}`
          const instances = [...(inDirectories.get(key)?.instances ?? []), ...leaver.instances]
          inDirectories.set(key, { ...leaver, instances: [...new Set(instances)] })
        }
    },
    async carried(host) {
      if (asking?.through === host) await within(asking.answer.catch(() => {}))
    },
    async tell() {
      for (const leaver of inDirectories.values()) report(hasLeft(leaver, machines.get(leaver.id) ?? null))
      if (asking === null) return
      try {
        const found = await within(asking.answer)
        if (found === undefined) report(notAsked(`no answer within ${patienceMs / 1000} s`))
        else for (const leaver of found) report(hasLeft(leaver, machines.get(leaver.id) ?? null))
      } catch (error) {
        if (!(error instanceof Problem)) throw error
        report(notAsked(error.found))
      }
    },
  }
}

/** Gives the answer, or undefined once patience is over; from its first use on, it is the same patience for all. */
function patience(): <T>(answer: Promise<T>) => Promise<T | undefined> {
  let late: Promise<undefined> | null = null
  return async (answer) => {
    const enough = new AbortController()
    late ??= sleep(patienceMs, undefined, { signal: enough.signal }).catch(() => undefined)
    try {
      return await Promise.race([answer, late])
    } finally {
      enough.abort()
    }
  }
}

function knownInstances(inventory: Inventory): Set<string> {
  return new Set(Object.values(inventory.apps).flatMap((app) => app.hosts.map((host) => instanceName(app, host))))
}

/** Owner objects that hosts of no name of the inventory hold, by host and replica. */
async function departedIn(inventory: Inventory, open: OpenStore): Promise<Leaver[]> {
  const known = knownInstances(inventory)
  const each = await Promise.all(keepers(inventory).map((replica) => leaversOf(inventory, replica, known, open)))
  return each.flat()
}

/** Replicas that keep owner objects; two that are one place are asked once. */
function keepers(inventory: Inventory): S3Replica[] {
  const own = Object.values(inventory.replicas).flatMap((replica) =>
    replica.type === 's3' && typeof replica.ownership !== 'object' ? [replica] : [],
  )
  return [
    ...new Map(own.map((replica) => [`${replica.endpoint} ${replica.bucket} ${replica.prefix}`, replica])).values(),
  ]
}

async function leaversOf(
  inventory: Inventory,
  replica: S3Replica,
  known: ReadonlySet<string>,
  open: OpenStore,
): Promise<Leaver[]> {
  const store = await open(replica, limits)
  try {
    return leavers(inventory, replica.name, await heldInstances(store, replica, known))
  } finally {
    store.close()
  }
}

function leavers(inventory: Inventory, replica: string, held: Held[]): Leaver[] {
  const found = new Map<string, Leaver>()
  for (const { instance, holder } of held) {
    if (Object.hasOwn(inventory.hosts, holder.host)) continue
    const leaver = found.get(holder.id) ?? { ...holder, instances: [], replica }
    leaver.instances.push(instance)
    found.set(holder.id, leaver)
  }
  return [...found.values()]
}

function hasLeft({ host, instances, replica }: Leaver, now: string | null): RunEvent {
  const held = instances.join(', ')
  if (now !== null)
    return {
      type: 'warning',
      host: now,
      code: 'host-renamed',
      message: `this machine was called ${host}, and holds ${held} in replica ${replica} under that name`,
      next: `call it ${host} in the inventory again: an app with hosts: keeps its data under the name of each host`,
    }
  return {
    type: 'warning',
    code: 'host-left',
    message: `${host} is no longer in the inventory; it still holds ${held} in replica ${replica}. Nothing is done to it`,
    next:
      `if it runs, so does what it holds: put ${host} back into the inventory without these apps, and provision --prune proves, ` +
      'releases and removes them. If it is dead, their data are in the replica until you delete them there',
  }
}

function notAsked(why: string): RunEvent {
  return { type: 'note', message: `whether a host that left the inventory still holds an app is not known: ${why}` }
}
