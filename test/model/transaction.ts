import type { Looked } from '../../src/rollout/look.ts'
import { releaseLock } from './facts.ts'
import { letGo } from './leave.ts'
import { daemonEnds, kill, spawn, stopApp } from './units.ts'
import { newState, type Card, type Folder } from './card.ts'
import { cardOf, say, type Program, type Run, type Transaction } from './world.ts'

/** templates/host/apply: a transaction that an operator has begun on a host, and that goes on alone. null when it may not begin. */
export function begin(by: Run, looked: Looked): Transaction | null {
  const { world, host } = by
  if (!host.up || host.transaction !== null || host.tasks.some((task) => task.run.name === 'shutdown')) return null
  const transaction: Transaction = { by, laid: false, status: null }
  host.transaction = transaction
  spawn(world, host, 'apply', function* (run) {
    const status = yield* apply(run, looked, transaction)
    if (status !== 0) host.held = null
    say(world, `board ${host.board}: the transaction ends with ${status}`)
    transaction.status = status
    if (host.transaction === transaction) host.transaction = null
  })
  return transaction
}

/** The order of apply.sh; its exit status. */
function* apply(run: Run, { plan, observed, state }: Looked, transaction: Transaction): Program<number> {
  const { host, world } = run
  const card = cardOf(host)
  yield 'the transaction begins'
  if (card.manifest !== observed.manifest) return 10
  const steps = (verb: string) => plan.changes.filter(({ step }) => step.verb === verb).map(({ step }) => step.fields)
  for (const [app = '', , , ...names] of steps('leave')) {
    // Its user is renamed only after its release.
    if (card.bearer !== app && names.includes(card.bearer)) continue
    if (!(yield* letGo(run, names.length > 0))) return 16
  }
  if (plan.meanwhile !== null) {
    card.manifest = plan.meanwhile
    yield 'what is renamed is recorded'
  }
  for (const fields of steps('rename')) if (!(yield* rename(run, fields))) return 10
  const [app] = state.apps
  if (!app) return 0
  useName(card, app.name)
  if (card.manifest === null) card.bearer = app.name
  card.dbs = Object.keys(app.databases)
  yield 'files are laid'
  card.manifest = plan.manifest
  yield 'the manifest is recorded'
  host.held = null
  host.wanted = true
  transaction.laid = true
  say(world, `board ${host.board}: ${app.name} is laid and started`)
  return 0
}

/** rename.sh, step_rename: each part is done only when it has not been. */
function* rename(run: Run, [app = '', to = '', origin = '', ...halves]: readonly string[]): Program<boolean> {
  const { host } = run
  const card = cardOf(host)
  if (card.name !== to) yield* stopUnits(run)
  if (origin !== app && folderOf(card, app).state.claim !== null) return false
  const { state } = folderOf(card, to)
  if (origin !== to) Object.assign(state, { claim: null, tip: null, lastOwner: null })
  yield 'what an earlier time under this name left is gone'
  for (const name of [app, ...halves]) {
    if (name === to) continue
    if (card.bearer === name) {
      const files = folderOf(card, name)
      setFiles(card, to, files.files)
      setFiles(card, name, {})
      card.bearer = to
      yield 'user and folder have the new name'
    }
    const left = folderOf(card, name).state
    if (left.clean !== null) {
      Object.assign(state, { clean: left.clean })
      left.clean = null
      yield 'clean has moved'
    }
    if (left.started !== null) {
      Object.assign(state, { started: left.started })
      left.started = null
      yield 'started has moved'
    }
  }
  return true
}

/** `systemctl stop` of all that runs under the name, one after the other. */
function* stopUnits(run: Run): Program {
  const { world, host } = run
  host.held = 'all'
  stopApp(world, host, true)
  while (host.app !== 'down') yield 'waiting for the app to stop'
  for (const task of host.tasks.filter((each) => ['timer', 'litestream check'].includes(each.run.name)))
    kill(host, task)
  const ran = host.daemon !== null
  host.litestreamWanted = false
  if (ran) daemonEnds(world, host)
  else host.litestream = 'down'
  while (host.tasks.some((task) => ['settling', 'stopped'].includes(task.run.name)))
    yield 'waiting for Litestream to stop'
  releaseLock(run)
}

function folderOf(card: Card, name: string): Folder {
  if (card.name === name) return card
  return (card.others[name] ??= { files: {}, state: newState() })
}

function setFiles(card: Card, name: string, files: Folder['files']): void {
  folderOf(card, name).files = files
}

/** From here on the units on this card are those of that name. */
export function useName(card: Card, name: string): void {
  if (card.name === name) return
  const { files, state } = folderOf(card, name)
  card.others[card.name] = { files: card.files, state: card.state }
  delete card.others[name]
  Object.assign(card, { name, files, state })
}
