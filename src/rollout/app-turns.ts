import type { SshConnection } from '../host/connection.ts'
import { connectHost } from '../host/connect.ts'
import { runAsRoot } from '../host/root.ts'
import type { App, Host } from '../inventory/model.ts'
import { exitCodes, Problem } from '../problem.ts'
import { hostProgram } from '../templates/render.ts'
import type { RunContext } from './context.ts'
import { observe } from './look.ts'
import { hasEnded } from './operator.ts'

/** Seconds: as long as a transaction may take, which the turn is held for. */
const holdDeadlineSeconds = 6 * 60 * 60
const giveDeadlineSeconds = 30

/** Seconds in which a release is sent over a slow line, and its transaction has begun. */
const sendingSeconds = 15 * 60

/** A host on which something of its own is to be restarted, and the connection to it. */
export interface AtWork {
  host: Host
  connection: SshConnection
}

interface Held {
  /** Whose turn it was until --break-lock. */
  had: { host: string; who: string } | null
  /** Never throws: a turn that is not given back is seen to be left. */
  give: () => Promise<void>
}

/**
 * Takes the turns of apps among all operators, not only within this run (`turns.ts`): a record on the first host of each app
 * that can be reached, held by a connection. What an operator who is gone has left is taken over once nothing of it is under way.
 * @param apps that run on several hosts and are restarted on this one
 * @returns gives them all back
 * @throws Problem `turn-taken` (exit 5), and those of `connectHost` and `runAsRoot`; then no turn is held
 */
export async function takeTurns(context: RunContext, at: AtWork, apps: App[]): Promise<() => Promise<void>> {
  const held: Held[] = []
  const giveAll = async () => {
    for (const turn of held.splice(0).toReversed()) await turn.give()
  }
  try {
    // In the same order for everybody: of two that want the same turns, one gets them all.
    for (const app of apps.toSorted((a, b) => (a.name < b.name ? -1 : 1))) held.push(await takeTurn(context, at, app))
  } catch (error) {
    await giveAll()
    throw error
  }
  return giveAll
}

async function takeTurn(context: RunContext, at: AtWork, app: App): Promise<Held> {
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
      await isOver(context, at, app, first)
      const second = await hold(context, at, app, keeper, { verb: 'hold', after: first })
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

interface Turn {
  host: string
  who: string
  /** Seconds since it was taken. */
  age: number
}

type Asking = { verb: 'hold'; after?: Turn } | { verb: 'break' }
type Answer = ({ state: 'held' } & Held) | ({ state: 'busy' | 'left' } & Turn)

async function hold(context: RunContext, at: AtWork, app: App, keeper: AtWork, asking: Asking): Promise<Answer> {
  const mine = [app.name, at.host.name, context.who]
  const after = asking.verb === 'hold' && asking.after ? [`${asking.after.host}\t${asking.after.who}`] : []
  const over = new AbortController()
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
    throw new Problem({
      code: 'turn-failed',
      doing: `taking the turn of ${app.name} on ${keeper.host.name}`,
      found: first.stderr.trim() || `turn.sh ended with status ${first.code}`,
      next: `look at ${keeper.host.name}: is its disk full, or read-only?`,
      host: at.host.name,
      app: app.name,
    })
  }
  return {
    state: 'held',
    had: first.had,
    async give() {
      try {
        await run(['give', ...mine], giveDeadlineSeconds, {})
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

/** Whether what somebody began, who is gone, is over. @throws Problem `turn-taken` when it is not, or cannot be seen */
async function isOver(context: RunContext, at: AtWork, app: App, left: Turn): Promise<void> {
  // Its own transactions were looked at already, and followed to their end.
  if (left.host === at.host.name) return
  // Somebody whose connection broke may still be sending: nothing of it is under way there yet.
  if (!hasEnded(left.who) && left.age < sendingSeconds)
    throw taken(
      at.host,
      app,
      left,
      `whose connection is gone; after ${sendingSeconds / 60} minutes that is taken for over`,
    )
  const host = context.inventory.hosts[left.host]
  const notSeen = (why: string) =>
    taken(
      at.host,
      app,
      left,
      `who has gone, and whether that is over cannot be seen: ${why}`,
      `nothing was changed on ${at.host.name}: let ${left.host} be reached, and run this again. When it is dead, nothing is under way ` +
        `there: streamside provision --limit ${at.host.name} --break-lock takes its turn`,
    )
  if (host === undefined)
    throw taken(
      at.host,
      app,
      left,
      `who has gone; ${left.host} is not in this inventory, so nobody can see from here whether that is over`,
      `nothing was changed on ${at.host.name}, and waiting does not help. When ${left.host} is no host of ${app.name} any more, or ` +
        `nothing is under way there, take its turn: streamside provision --limit ${at.host.name} --break-lock. ` +
        `Is it the same machine under another name? Then run provision on it first`,
    )
  let connection: SshConnection
  try {
    connection = await connectHost(host, context.connect)
  } catch (error) {
    if (error instanceof Problem) throw notSeen(error.found)
    throw error
  }
  try {
    const { observed } = await observe(context, host, [], [], connection)
    if (observed.transactions.some(({ state, who }) => state === 'running' && who === left.who))
      throw taken(at.host, app, left, 'who has gone; the transaction there goes on by itself')
  } finally {
    await connection.close()
  }
}

function taken(host: Host, app: App, { host: other, who }: Turn, more?: string, next?: string): Problem {
  return new Problem({
    code: 'turn-taken',
    doing: `restarting ${app.name} on ${host.name}`,
    found: `it is being restarted on ${other} by ${who}${more === undefined ? (hasEnded(who) ? ', who has gone' : '') : `, ${more}`}`,
    next:
      next ??
      `nothing was changed on ${host.name}: wait until ${other} is done, then run this again; --break-lock does not wait, ` +
        '--restarts now asks nobody',
    host: host.name,
    app: app.name,
    exit: exitCodes.locked,
  })
}
