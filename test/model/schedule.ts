import type { Ablation } from './ablations.ts'
import { chain, compact } from './bucket.ts'
import { strike, faults as allFaults } from './faults.ts'
import { weighted } from './random.ts'
import { settle } from './quiet.ts'
import { advance, litestream, systemd, timer, write } from './turns.ts'
import type { Verdicts } from './verdicts.ts'
import { bucketOf, newWorld, ownerNow, say, type World } from './world.ts'

export interface Outcome {
  seed: number
  violation: string | null
  starts: number
  decided: ReadonlyMap<string, number>
}

export interface Options {
  ablation?: Ablation | null
  /** Only these faults, beside those that every schedule has; as chance has it when absent. */
  faults?: readonly string[] | undefined
  log?: ((line: string) => void) | null
  /** Nobody waits for the outcome any more. */
  stopped?: () => boolean
}

/** One random schedule from its seed: faults, then quiet, judged by the invariants all along. */
export async function runSchedule(seed: number, verdicts: Verdicts, options: Options = {}): Promise<Outcome> {
  const world = newWorld(seed, options.ablation ?? null, options.log ?? null)
  world.renames = options.faults?.includes('rename') === true
  world.apart = options.faults?.includes('data-down') === true
  const themes = themesOf(world, options.faults)
  say(
    world,
    `seed ${seed}: databases ${world.dbs.join(' ')}, ${world.ephemeral ? 'ephemeral' : 'persistent'}, requests fail ${world.faulty}, faults ${themes.join(' ')}`,
  )
  strike(world, 'provision')
  const actions = 60 + world.random.int(160)
  const stopped = options.stopped ?? (() => false)
  for (let left = actions; left > 0 && !stopped() && world.ledger.violations.length === 0; left--) {
    world.now += world.random.int(4)
    await act(world, verdicts, themes)
  }
  if (world.ledger.violations.length === 0) await settle(world, verdicts, stopped)
  const { violations, starts } = world.ledger
  return { seed, violation: violations[0] ?? null, starts, decided: world.decided }
}

/** Faults that have to meet for a rule to matter: half of the schedules begin from one of these. */
const meetings: readonly (readonly string[])[] = [
  ['objects-lost', 'files-deleted', 'state-wiped'],
  ['objects-lost', 'power-cut', 'old-image'],
  ['owner-rollback', 'forced-claim', 'power-cut', 'cut-off'],
  ['owner-rollback', 'forced-claim', 'files-deleted'],
  ['old-image', 'old-image', 'image'],
  ['forced-claim', 'cut-off', 'crash'],
  ['clone', 'cut-off', 'power-cut'],
  ['old-image', 'cut-off', 'power-cut'],
  ['power-cut', 'files-back', 'daemon-dies'],
  ['state-wiped', 'forced-claim', 'sigkill'],
]

/** A few kinds of fault a schedule, so that they meet each other. */
function themesOf(world: World, only: readonly string[] | undefined): string[] {
  // Orders of a person's, not something that goes wrong, and what another kind of site has: in schedules that ask for it
  // (test/unit/model/model.test.ts).
  const names = Object.keys(allFaults).filter((name) => !['start-offline', 'rename', 'data-down'].includes(name))
  const always = ['image', 'bucket-kept', 'provision', 'boot', 'stop']
  if (only) return [...always, ...only, ...only]
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

function land(world: World): void {
  const [index] = world.inFlight.length > 0 ? [world.random.int(world.inFlight.length)] : []
  if (index === undefined) return
  const [late] = world.inFlight.splice(index, 1)
  say(world, 'a late PUT lands')
  late?.land()
}

function compaction(world: World): void {
  const owner = ownerNow(world)
  const bucket = bucketOf(world, world.newest)
  if (!owner) return
  for (const db of Object.keys(owner.dbs)) {
    const objects = chain(bucket, owner.path, db)
    if (objects.length > 2)
      compact(bucket, owner.path, db, world.random.int(objects.length - 2), 2 + world.random.int(3))
  }
}
