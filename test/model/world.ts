import type { Owner } from '../../src/replica/owner.ts'
import type { Bucket } from './bucket.ts'
import { emptyBucket } from './bucket.ts'
import { cutPower, noFiles, type Files } from './disk.ts'
import { newLedger, type Ledger } from './ledger.ts'
import type { Random } from './random.ts'
import { seeded } from './random.ts'
import type { Claim, Decision, Facts } from './verdicts.ts'

/** A rule that is taken away in a run, to see that the invariants need it. */
export const ablations = [
  'tip',
  'stale-position',
  'stale-wal',
  'unit-check',
  'proven-before-start',
  'if-match',
  'random-suffix',
  'hardware-in-id',
  'split-check',
  'past-end-alert',
  'only-copy-stays',
] as const
export type Ablation = (typeof ablations)[number]

/** What one of the hosts' programs does, as a coroutine: it asks for a verdict, or pauses (a string says after what). */
export type Program<T = void> = Generator<string | Facts, T, Decision>

/** `/var/lib/streamside/apps/<app>`: every write is whole, synced and in order (state.sh). */
export interface State {
  claim: Claim | null
  tip: { path: string; dbs: Record<string, string> } | null
  clean: { proved: boolean; settled: boolean; files: Record<string, unknown> } | null
  started: Record<string, unknown> | null
  lastOwner: { read: number; owner: unknown } | null
  failed: { digest: string; since: number; code: string; text: string; next: string } | null
  restoring: boolean
  fenced: boolean
  rescue: Record<string, Files> | null
}

/** What moves when a card is moved, copied or put back. */
export interface Card {
  machineId: string
  /** gate.json: databases of the inventory; null before provision. */
  dbs: readonly string[] | null
  files: Record<string, Files>
  state: State
}

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
  /** /run: gone after a boot. */
  running: boolean
  /** Somebody has ordered one start without the replica. */
  once: boolean
  since: Record<string, number>
  nextCheck: number
  reason: { code: string; text: string; next: string } | null
  alerts: Set<string>
  proofHeld: boolean
}

export interface World {
  random: Random
  now: number
  bucket: Bucket
  hosts: Host[]
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
    bucket: emptyBucket(),
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
  return { machineId: world.random.hex(8), dbs: null, files: {}, state: newState() }
}

export function newState(): State {
  return {
    claim: null,
    tip: null,
    clean: null,
    started: null,
    lastOwner: null,
    failed: null,
    restoring: false,
    fenced: false,
    rescue: null,
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

export function ownerNow(world: World): Owner | null {
  return world.bucket.owner && (JSON.parse(world.bucket.owner.body) as Owner)
}

export function say(world: World, text: string): void {
  world.log?.(`${String(world.now - 1_800_000_000).padStart(7)}  ${text}`)
}

/** Every process of a host ends at this moment, whatever it was at. */
export function stopEverything(host: Host): void {
  for (const task of host.tasks) task.run.gone = true
  Object.assign(host, {
    tasks: [],
    lock: null,
    app: 'down',
    litestream: 'down',
    litestreamWanted: false,
    daemon: null,
    running: false,
    once: false,
    since: {},
    reason: null,
    proofHeld: false,
  })
}

/** The plug is pulled. Ephemeral storage is gone, and so is the part of a WAL that was not synced. */
export function losePower(world: World, host: Host): void {
  stopEverything(host)
  host.up = false
  if (!host.card) return
  if (world.ephemeral) host.card.files = {}
  for (const files of Object.values(host.card.files)) cutPower(files, world.random)
}

export function copyOf<T>(value: T): T {
  return structuredClone(value)
}
