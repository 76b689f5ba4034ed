import { chain, compact } from './bucket.ts'
import { litestreamCheckpoint, openDatabase, sync, uploadNext } from './daemon.ts'
import { commit } from './disk.ts'
import { strike, faults as allFaults } from './faults.ts'
import { startApp } from './gate.ts'
import { weighted } from './random.ts'
import { settle } from './quiet.ts'
import { check } from './timer.ts'
import { spawn, startLitestream } from './units.ts'
import type { Verdicts } from './verdicts.ts'
import { dbsOf, filesOf, newWorld, ownerNow, say, type Ablation, type Host, type Task, type World } from './world.ts'

export interface Outcome {
  seed: number
  violation: string | null
  starts: number
  decided: ReadonlyMap<string, number>
}

export interface Options {
  ablation?: Ablation | null
  log?: ((line: string) => void) | null
}

/** One random schedule from its seed: faults, then quiet, judged by the invariants all along. */
export async function runSchedule(seed: number, verdicts: Verdicts, options: Options = {}): Promise<Outcome> {
  const world = newWorld(seed, options.ablation ?? null, options.log ?? null)
  const themes = themesOf(world)
  say(
    world,
    `seed ${seed}: databases ${world.dbs.join(' ')}, ${world.ephemeral ? 'ephemeral' : 'persistent'}, requests fail ${world.faulty}, faults ${themes.join(' ')}`,
  )
  strike(world, 'provision')
  const actions = 60 + world.random.int(160)
  for (let left = actions; left > 0 && world.ledger.violations.length === 0; left--) {
    world.now += world.random.int(4)
    await act(world, verdicts, themes)
  }
  if (world.ledger.violations.length === 0) await settle(world, verdicts)
  const { violations, starts } = world.ledger
  return { seed, violation: violations[0] ?? null, starts, decided: world.decided }
}

/** Faults that have to meet for a rule to matter: half of the schedules begin from one of these. */
const meetings: readonly (readonly string[])[] = [
  ['objects-lost', 'files-deleted', 'state-wiped'],
  ['objects-lost', 'power-cut', 'old-image'],
  ['owner-rollback', 'forced-claim', 'power-cut', 'cut-off'],
  ['forced-claim', 'cut-off', 'crash'],
  ['clone', 'cut-off', 'power-cut'],
  ['old-image', 'cut-off', 'power-cut'],
  ['power-cut', 'files-back', 'daemon-dies'],
  ['state-wiped', 'forced-claim', 'sigkill'],
]

/** A few kinds of fault a schedule, so that they meet each other. */
function themesOf(world: World): string[] {
  const names = Object.keys(allFaults)
  const always = ['image', 'bucket-kept', 'provision', 'boot', 'stop']
  const meeting = world.random.chance(0.5) ? world.random.pick(meetings) : []
  return [
    ...always,
    ...meeting,
    ...meeting,
    ...Array.from({ length: 1 + world.random.int(5) }, () => world.random.pick(names)),
  ]
}

async function act(world: World, verdicts: Verdicts, themes: readonly string[]): Promise<void> {
  const { random } = world
  const host = random.chance(0.75) ? world.hosts[0] : random.pick(world.hosts)
  if (!host) return
  const action = weighted(random, [
    [36, 'advance'],
    [10, 'write'],
    [12, 'litestream'],
    [10, 'systemd'],
    [4, 'timer'],
    [6, 'fault'],
    [2, 'land'],
    [2, 'compact'],
  ] as const)
  switch (action) {
    case 'advance': {
      const tasks = [...world.operators, ...world.hosts.flatMap((each) => each.tasks)]
      if (tasks.length > 0) await advance(world, verdicts, random.pick(tasks), 1 + random.int(12))
      break
    }
    case 'write':
      write(world, host)
      break
    case 'litestream':
      litestream(world, host)
      break
    case 'systemd':
      systemd(world, host)
      break
    case 'timer':
      timer(world, host)
      break
    case 'fault':
      strike(world, random.pick(themes))
      break
    case 'land':
      land(world)
      break
    case 'compact':
      compaction(world)
      break
  }
}

/** Runs a program on by some of its steps. Nothing else happens between a question and its answer. */
export async function advance(world: World, verdicts: Verdicts, task: Task, steps: number): Promise<void> {
  const nothing = { do: '', code: '', text: '', next: '' }
  for (let left = steps; left > 0; left--) {
    if (task.run.gone) return
    let result = task.steps.next(nothing)
    while (!result.done && typeof result.value !== 'string') result = task.steps.next(await verdicts.ask(result.value))
    if (!result.done) continue
    const { host } = task.run
    host.tasks = host.tasks.filter((other) => other !== task)
    world.operators = world.operators.filter((other) => other !== task)
    if (host.lock === task.run) host.lock = null
    return
  }
}

export function write(world: World, host: Host): void {
  if (host.app !== 'up' || !host.card) return
  for (const db of dbsOf(host)) {
    const files = filesOf(host, db)
    if (!files.exists || world.random.chance(0.3)) continue
    world.ledger.rows += 1
    world.ledger.writtenUnder.set(world.ledger.rows, host.card.state.claim?.path ?? '')
    commit(files, world.ledger.rows, world.now, world.random)
  }
}

export function litestream(world: World, host: Host): void {
  if (!host.daemon) return
  for (const db of dbsOf(host)) {
    if (host.daemon.open[db] === undefined) {
      openDatabase(world, host, db)
      continue
    }
    if (world.random.chance(0.2)) litestreamCheckpoint(world, host, db)
    else if (world.random.chance(0.5)) sync(world, host, db)
    if (world.random.chance(0.8)) uploadNext(world, host, db)
  }
}

/** Restart=, the units' start limits being off. */
export function systemd(world: World, host: Host): void {
  if (!host.up || !host.card?.dbs || !host.wanted || host.tasks.some((task) => task.run.name === 'shutdown')) return
  if (host.app === 'down') startApp(world, host)
  if (host.litestream === 'down' && host.litestreamWanted) startLitestream(world, host)
}

export function timer(world: World, host: Host): void {
  if (!host.up || !host.card?.dbs || host.tasks.some((task) => task.run.name === 'timer')) return
  world.now = Math.max(world.now, host.nextCheck)
  host.nextCheck = world.now + 120
  spawn(world, host, 'timer', check)
}

function land(world: World): void {
  const [index] = world.inFlight.length > 0 ? [world.random.int(world.inFlight.length)] : []
  if (index === undefined) return
  const [late] = world.inFlight.splice(index, 1)
  say(world, 'a late PUT lands')
  late?.land()
}

function compaction(world: World): void {
  const owner = ownerNow(world)
  if (!owner) return
  for (const db of Object.keys(owner.dbs)) {
    const objects = chain(world.bucket, owner.path, db)
    if (objects.length > 2)
      compact(world.bucket, owner.path, db, world.random.int(objects.length - 2), 2 + world.random.int(3))
  }
}
