import type { Owner } from '../../src/replica/owner.ts'
import type { Bucket } from './bucket.ts'
import { emptyBucket } from './bucket.ts'
import type { Ablation } from './ablations.ts'
import { newState, type Card } from './card.ts'
import { noFiles, type Files } from './disk.ts'
import { newLedger, type Ledger } from './ledger.ts'
import type { Random } from './random.ts'
import { seeded } from './random.ts'
import type { Decision, Facts } from './verdicts.ts'

/** What one of the hosts' programs does, as a coroutine: it asks for a verdict, pauses (a string says after what), or awaits. */
export type Program<T = void> = Generator<string | Facts | Promise<void>, T, Decision>

/** One program at work: the shell's variables, and what the scheduler needs. It holds the app's lock or does not. */
export interface Run {
  name: string
  host: Host
  world: World
  began: number
  gone: boolean
}

export interface Task {
  run: Run
  steps: Program
  fresh: boolean
}

export interface Daemon {
  path: string
  /** Per database: the replica's position as this process knows it; absent until it has opened it. */
  open: Record<string, number>
}

export interface Host {
  board: number
  name: string
  card: Card | null
  up: boolean
  clock: number
  synchronised: boolean
  cutOff: boolean
  wanted: boolean
  app: 'down' | 'starting' | 'up' | 'stopping'
  litestream: 'down' | 'checking' | 'up'
  litestreamWanted: boolean
  daemon: Daemon | null
  lock: Run | null
  tasks: Task[]
  /** What a transaction keeps down: the app, or all of its units. Gone after a boot, like all that follows. */
  held: 'app' | 'all' | null
  transaction: Transaction | null
  running: boolean
  /** Somebody has ordered one start without the replica. */
  once: boolean
  since: Record<string, number>
  nextCheck: number
  reason: { code: string; text: string; next: string } | null
  alerts: Set<string>
  proofHeld: boolean
}

/** One run of apply.sh, which goes on without the operator that has begun it. */
export interface Transaction {
  by: Run
  laid: boolean
  /** null while it runs. */
  status: number | null
}

/** What an inventory calls the app, and what it was called before. */
export interface Named {
  name: string
  was: string | null
}

export interface World {
  random: Random
  now: number
  /** What lies in the replica of each name that the app has had. */
  buckets: Record<string, Bucket>
  hosts: Host[]
  /** The inventory of whoever provisioned last; another operator may have another one. */
  inventory: Named
  /** Provisions that know of names: planned and owned by the product's own code. */
  renames: boolean
  /** Another server than the data's keeps the owner objects. */
  apart: boolean
  /** No host reaches the data's server; where the owner objects lie with them, there is none of its own. */
  dataDown: boolean
  /** The name under which the app was taken up last. */
  newest: string
  /** What was sent and has not landed; `from` is the board that sent it, null for an operator. */
  inFlight: { from: number | null; land: () => void }[]
  dbs: readonly string[]
  ephemeral: boolean
  slowToUpload: string | null
  /** Probability that a request goes wrong; 0 once the faults have ended. */
  faulty: number
  ablation: Ablation | null
  ledger: Ledger
  images: Card[]
  olderOwners: NonNullable<Bucket['owner']>[]
  olderBuckets: Bucket[]
  operators: Task[]
  counter: number
  log: ((line: string) => void) | null
  decided: Map<string, number>
}

export const app = 'gotify'
export const day = 86_400

export function newWorld(seed: number, ablation: Ablation | null, log: World['log']): World {
  const random = seeded(seed)
  const world: World = {
    random,
    now: 1_800_000_000,
    buckets: {},
    inventory: { name: app, was: null },
    renames: false,
    apart: false,
    dataDown: false,
    newest: app,
    hosts: [],
    inFlight: [],
    dbs: random.chance(0.5) ? ['a'] : ['a', 'b'],
    ephemeral: random.chance(0.15),
    slowToUpload: null,
    faulty: random.pick([0, 0.02, 0.1, 0.25]),
    ablation,
    ledger: newLedger(),
    images: [],
    olderOwners: [],
    olderBuckets: [],
    operators: [],
    counter: 0,
    log,
    decided: new Map(),
  }
  world.hosts = [
    newHost(world, 1, 'pi1', newCard(world)),
    newHost(world, 2, 'pi2', newCard(world)),
    newHost(world, 3, 'pi1', null),
  ]
  return world
}

function newHost(world: World, board: number, name: string, card: Card | null): Host {
  return {
    board,
    name,
    card,
    up: card !== null,
    clock: 0,
    synchronised: true,
    cutOff: false,
    wanted: false,
    app: 'down',
    litestream: 'down',
    litestreamWanted: false,
    daemon: null,
    lock: null,
    tasks: [],
    held: null,
    transaction: null,
    running: false,
    once: false,
    since: {},
    nextCheck: world.now,
    reason: null,
    alerts: new Set(),
    proofHeld: false,
  }
}

export function newCard(world: World): Card {
  return {
    machineId: world.random.hex(8),
    name: world.newest,
    bearer: world.newest,
    others: {},
    manifest: null,
    dbs: null,
    files: {},
    state: newState(),
  }
}

export function cardOf(host: Host): Card {
  if (!host.card) throw new Error(`host ${host.board} has no card`)
  return host.card
}

export function filesOf(host: Host, db: string): Files {
  return (cardOf(host).files[db] ??= noFiles())
}

export function dbsOf(host: Host): readonly string[] {
  return host.card?.dbs ?? []
}

/** ownership.md: a cloned card is another machine, because the board counts too. */
export function idOf(world: World, host: Host): string {
  const hardware = world.ablation === 'hardware-in-id' ? '' : String(host.board)
  return `${hardware}${cardOf(host).machineId}`.padStart(64, '0')
}

export function nameOf(host: Host): string {
  return host.card?.name ?? app
}

/** What lies in the replica under a name. */
export function bucketOf(world: World, name: string): Bucket {
  return (world.buckets[name] ??= emptyBucket())
}

/** Where a host's programs look. */
export function bucketFor(world: World, host: Host): Bucket {
  return bucketOf(world, nameOf(host))
}

export function ownerNow(world: World, name = world.newest): Owner | null {
  const { owner } = bucketOf(world, name)
  return owner && (JSON.parse(owner.body) as Owner)
}

export function say(world: World, text: string): void {
  world.log?.(`${String(world.now - 1_800_000_000).padStart(7)}  ${text}`)
}

export function copyOf<T>(value: T): T {
  return structuredClone(value)
}
