import type { SshConnection } from '../host/connection.ts'
import { connectHost } from '../host/connect.ts'
import { runAsRoot } from '../host/root.ts'
import type { App, Host } from '../inventory/model.ts'
import { Problem } from '../problem.ts'
import { hostProgram } from '../templates/render.ts'
import type { RunContext } from './context.ts'
import { isOver } from './turn-left.ts'
import { notAgain, taken, type Turn, turnFailed, turnLost } from './turn-problems.ts'

/** Seconds: as long as a transaction may take, which the turn is held for. */
const holdDeadlineSeconds = 6 * 60 * 60
const giveDeadlineSeconds = 30

/** A host on which something of its own is to be restarted, and the connection to it. */
export interface AtWork {
  host: Host
  connection: SshConnection
}

interface Held {
  /** Whose turn it was until --break-lock. */
  had: { host: string; who: string } | null
  app: App
  lost: AbortSignal
  /** Never throws: a turn that is not given back is seen to be left. `recordStays`: it is held anew. */
  give: (how?: { recordStays?: boolean }) => Promise<void>
}

/** The turns of apps that are restarted on a host. */
export interface HeldTurns {
  /** Aborts, with a Problem `turn-lost`, when one of them is held no more: the connection has ended, or somebody has taken it. */
  readonly lost: AbortSignal
  /**
   * Takes those again that were lost.
   * @param connection to the host at work, which may be another one by now
   * @throws Problem `turn-lost` when somebody else has one of them
   */
  renew(connection: SshConnection): Promise<void>
  /** Gives them all back; never throws. */
  give(): Promise<void>
}

/**
 * Takes the turns of apps among all operators, not only within this run (`turns.ts`): a record on the first host of each app
 * that can be reached, held by a connection. What an operator who is gone has left is taken over once nothing of it is under way.
 * @param apps that run on several hosts and are restarted on this one
 * @throws Problem `turn-taken` (exit 5), and those of `connectHost` and `runAsRoot`; then no turn is held
 */
export async function takeTurns(context: RunContext, at: AtWork, apps: App[]): Promise<HeldTurns> {
  const held: Held[] = []
  const giveAll = async () => {
    for (const turn of held.splice(0).toReversed()) await turn.give()
  }
  const renew = async (connection: SshConnection) => {
    for (const [n, { app, lost, give }] of held.entries()) {
      if (!lost.aborted) continue
      try {
        held[n] = await takeTurn(context, { host: at.host, connection }, app, true)
      } catch (error) {
        throw error instanceof Problem ? notAgain(at.host, app, lost.reason, error) : error
      }
      await give({ recordStays: true })
    }
  }
  try {
    // In the same order for everybody: of two that want the same turns, one gets them all.
    for (const app of apps.toSorted((a, b) => (a.name < b.name ? -1 : 1))) held.push(await takeTurn(context, at, app))
  } catch (error) {
    await giveAll()
    throw error
  }
  return {
    get lost() {
      return AbortSignal.any(held.map(({ lost }) => lost))
    },
    renew,
    give: giveAll,
  }
}

/** @param again this run has held it: what stands in the record of its own is no obstacle */
async function takeTurn(context: RunContext, at: AtWork, app: App, again = false): Promise<Held> {
  const keeper = await keeperOf(context, at, app)
  try {
    const first = await hold(context, at, app, keeper, context.breakLock ? { verb: 'break' } : { verb: 'hold' })
    if (first.state === 'held') {
      const { had } = first
      if (had !== null)
        context.report({
          type: 'warning',
          host: at.host.name,
          app: app.name,
          code: 'turn-broken',
          message: `the turn of ${app.name} was taken from ${had.who}, who was restarting it on ${had.host}`,
          next: `see there that it is well: streamside status --limit ${app.name}`,
        })
      return first
    }
    if (first.state === 'left') {
      await isOver(again ? { ...context, mayWait: () => false } : context, at, app, first)
      const second = await hold(context, at, app, keeper, { verb: 'hold', after: first })
      if (second.state === 'held') return second
    }
    // The connection that held it is gone here, and the host has not noticed yet: nobody else has it.
    if (again && first.state === 'busy' && first.host === at.host.name && first.who === context.who) {
      const second = await hold(context, at, app, keeper, { verb: 'break' })
      if (second.state === 'held') return second
    }
    throw taken(at.host, app, first)
  } catch (error) {
    if (keeper.connection !== at.connection) await keeper.connection.close()
    throw error
  }
}

/** The first host of the app, by name, that can be reached: the same one for everybody who reaches the same hosts. */
async function keeperOf(context: RunContext, at: AtWork, app: App): Promise<AtWork> {
  for (const name of app.hosts.toSorted()) {
    const host = context.inventory.hosts[name]
    if (name === at.host.name || host === undefined) break
    try {
      // Not by openHost: that connection would carry what is asked of buckets, and end before that.
      return { host, connection: await connectHost(host, context.connect) }
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      context.report({
        type: 'warning',
        host: at.host.name,
        app: app.name,
        code: 'turn-elsewhere',
        message: `${name}, where the turn of ${app.name} is taken, cannot be reached: ${error.found}`,
        next: 'an operator who reaches it is not kept from restarting another host of the app meanwhile',
      })
    }
  }
  return at
}

type Asking = { verb: 'hold'; after?: Turn } | { verb: 'break' }
type Answer = ({ state: 'held' } & Held) | ({ state: 'busy' | 'left' } & Turn)

async function hold(context: RunContext, at: AtWork, app: App, keeper: AtWork, asking: Asking): Promise<Answer> {
  const mine = [app.name, at.host.name, context.who]
  const after = asking.verb === 'hold' && asking.after ? [`${asking.after.host}\t${asking.after.who}`] : []
  const over = new AbortController()
  const lost = new AbortController()
  const isHeld = Promise.withResolvers<Held['had']>()
  const run = (args: string[], deadlineSeconds: number, more: { signal?: AbortSignal; onLine?: (l: string) => void }) =>
    runAsRoot(keeper.connection, {
      doing: `taking the turn of ${app.name} on ${keeper.host.name}`,
      files: [{ name: 'turn.sh', content: hostProgram('turn.sh') }],
      workIn: '/run/streamside',
      program: 'turn.sh',
      args,
      sudoPassword: keeper.host.sudoPassword,
      ...(context.askSudoPassword ? { askPassword: () => context.askSudoPassword!(keeper.host.name) } : {}),
      deadlineSeconds,
      ...more,
    })
  let lines = 0
  const ended = run([asking.verb, ...mine, ...after], holdDeadlineSeconds, {
    signal: over.signal,
    onLine: (line) => {
      lines += 1
      const [word, host, who = ''] = line.split('\t')
      if (lines === 1 && word === 'held') isHeld.resolve(host === undefined ? null : { host, who })
    },
  })
  ended.catch(() => {}) // before it is held, through the race below; afterwards it is a turn that was left
  const first = await Promise.race([isHeld.promise.then((had) => ({ had })), ended])
  if (!('had' in first)) {
    const [word, host = '', who = '', age = ''] = first.stdout.trim().split('\t')
    if (word === 'busy' || word === 'left') return { state: word, host, who, age: Number(age) }
    throw turnFailed(at.host, app, keeper.host, first)
  }
  const lose = (why: string) => lost.abort(turnLost(at.host, app, why))
  ended.then(
    ({ code }) => lose(code === 7 ? 'somebody else has taken it' : `what held it on ${keeper.host.name} has ended`),
    (error: unknown) => lose(error instanceof Problem ? error.found : String(error)),
  )
  return {
    state: 'held',
    had: first.had,
    app,
    lost: lost.signal,
    async give({ recordStays = false } = {}) {
      try {
        if (!recordStays) await run(['give', ...mine], giveDeadlineSeconds, {})
      } catch (error) {
        if (!(error instanceof Problem)) throw error
        context.report({
          type: 'warning',
          host: at.host.name,
          app: app.name,
          code: 'turn-left',
          message: `the turn of ${app.name} could not be given back on ${keeper.host.name}: ${error.found}`,
          next: 'nothing has to be done: the next run sees that it is over',
        })
      }
      over.abort(new Error('the turn is given back'))
      if (keeper.connection !== at.connection) await keeper.connection.close()
    },
  }
}
