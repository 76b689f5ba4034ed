import type { ExecResult } from '../host/connection.ts'
import type { App, Host } from '../inventory/model.ts'
import { exitCodes, Problem } from '../problem.ts'
import { hasEnded } from './operator.ts'

/** Seconds after which somebody whose connection broke has noticed that, and sends nothing more (`HeldTurns.lost`, keepalives). */
export const sendingSeconds = 15 * 60

/** What stands in the record of a turn that this run does not hold. */
export interface Turn {
  /** Empty when the record is damaged. */
  host: string
  who: string
  /** Seconds since the connection that holds it was last seen to be up. */
  age: number
}

/** Somebody else has the turn, or may still be at work. `more`: what is known of that, as a clause. */
export function taken(host: Host, app: App, { host: held, who }: Turn, more?: string, next?: string): Problem {
  // turn.sh has a ? for one who holds it and has not written it down yet
  const other = held === '?' ? '' : held
  const by = held === '' ? 'somebody (what stands in the record of its turn is damaged)' : who
  return new Problem({
    code: 'turn-taken',
    doing: `restarting ${app.name} on ${host.name}`,
    found: `it is being restarted on ${other || 'another host'} by ${by}${more === undefined ? (hasEnded(who) ? ', who has gone' : '') : `, ${more}`}`,
    next:
      next ??
      `nothing was changed on ${host.name}: wait until ${other || 'that'} is done, then run this again; --break-lock does not wait, ` +
        '--restarts now asks nobody',
    host: host.name,
    app: app.name,
    exit: exitCodes.locked,
  })
}

/** @param why what has happened, as a clause */
export function turnLost(host: Host, app: App, why: string): Problem {
  return new Problem({
    code: 'turn-lost',
    doing: `restarting ${app.name} on ${host.name}`,
    found: `the turn to do so was lost: ${why}`,
    next: `nothing was changed on ${host.name}: run this again`,
    host: host.name,
    app: app.name,
    exit: exitCodes.locked,
  })
}

/** @param lost why it was lost: a Problem `turn-lost` */
export function notAgain(host: Host, app: App, lost: unknown, { found, next, exit }: Problem): Problem {
  const why = lost instanceof Problem ? lost.found : String(lost)
  return new Problem({
    code: 'turn-lost',
    doing: `restarting ${app.name} on ${host.name}`,
    found: `${why}; and it cannot be taken again: ${found}`,
    next,
    host: host.name,
    app: app.name,
    exit,
  })
}

/** turn.sh itself did not come to an answer. */
export function turnFailed(host: Host, app: App, keeper: Host, { code, stderr }: ExecResult): Problem {
  return new Problem({
    code: 'turn-failed',
    doing: `taking the turn of ${app.name} on ${keeper.name}`,
    found: stderr.trim() || `turn.sh ended with status ${code}`,
    next: `look at ${keeper.name}: is its disk full, or read-only?`,
    host: host.name,
    app: app.name,
  })
}

/** Whether what was left on `other` is over cannot be seen. @param why as a clause */
export function notSeen(host: Host, app: App, left: Turn, other: string, why: string): Problem {
  return taken(
    host,
    app,
    left,
    `who has gone, and whether that is over cannot be seen: ${why}`,
    `nothing was changed on ${host.name}: let ${other} be reached, and run this again. When it is dead, nothing is under way ` +
      `there: streamside provision --limit ${host.name} --break-lock takes its turn`,
  )
}

/** The same for a host that nothing leads to. */
export function notInInventory(host: Host, app: App, left: Turn, other: string): Problem {
  return taken(
    host,
    app,
    left,
    `who has gone; ${other} is not in this inventory, so nobody can see from here whether that is over`,
    `nothing was changed on ${host.name}, and waiting does not help. When ${other} is no host of ${app.name} any more, or ` +
      `nothing is under way there, take its turn: streamside provision --limit ${host.name} --break-lock. ` +
      `Is it the same machine under another name? Then run provision on it first`,
  )
}
