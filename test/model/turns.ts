import { litestreamCheckpoint, openDatabase, sync, uploadNext } from './daemon.ts'
import { commit } from './disk.ts'
import { startApp } from './gate.ts'
import { check } from './timer.ts'
import { spawn, startLitestream } from './units.ts'
import type { Verdicts } from './verdicts.ts'
import { dbsOf, filesOf, type Host, type Task, type World } from './world.ts'

/** What happens by itself, one turn at a time: programs go on, the app writes, Litestream uploads, systemd restarts. */

/** Runs a program on by some of its steps. Nothing else happens between a question and its answer. */
export async function advance(world: World, verdicts: Verdicts, task: Task, steps: number): Promise<void> {
  const nothing = { do: '', code: '', text: '', next: '' }
  for (let left = steps; left > 0; left--) {
    if (task.run.gone) return
    let result = task.steps.next(nothing)
    while (!result.done && typeof result.value !== 'string') {
      const { value } = result
      if (value instanceof Promise) await value
      result = task.steps.next(value instanceof Promise ? nothing : await verdicts.ask(value))
    }
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
  if (host.app === 'down' && host.held === null) startApp(world, host)
  if (host.litestream === 'down' && host.litestreamWanted && host.held !== 'all') startLitestream(world, host)
}

export function timer(world: World, host: Host): void {
  if (!host.up || !host.card?.dbs || host.held === 'all' || host.tasks.some((task) => task.run.name === 'timer')) return
  world.now = Math.max(world.now, host.nextCheck)
  host.nextCheck = world.now + 120
  spawn(world, host, 'timer', check)
}
