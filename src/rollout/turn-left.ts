import type { SshConnection } from '../host/connection.ts'
import { connectHost } from '../host/connect.ts'
import type { App } from '../inventory/model.ts'
import { Problem } from '../problem.ts'
import type { AtWork } from './app-turns.ts'
import type { RunContext } from './context.ts'
import { AfterOthers } from './fleet.ts'
import { observe } from './look.ts'
import { hasEnded } from './operator.ts'
import { notInInventory, notSeen, sendingSeconds, taken, type Turn } from './turn-problems.ts'

/**
 * Whether what somebody began, who is gone, is over.
 * @throws Problem `turn-taken` when it is not, or cannot be seen; AfterOthers when this very run follows it to its end
 */
export async function isOver(context: RunContext, at: AtWork, app: App, left: Turn): Promise<void> {
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
  // A damaged record does not say where: then on any of them.
  const others = left.host === '' ? app.hosts.filter((name) => name !== at.host.name) : [left.host]
  for (const other of others) await isOverOn(context, at, app, left, other)
}

async function isOverOn(context: RunContext, at: AtWork, app: App, left: Turn, other: string): Promise<void> {
  const host = context.inventory.hosts[other]
  if (host === undefined) throw notInInventory(at.host, app, left, other)
  let connection: SshConnection
  try {
    connection = await connectHost(host, context.connect)
  } catch (error) {
    if (error instanceof Problem) throw notSeen(at.host, app, left, other, error.found)
    throw error
  }
  try {
    const { observed } = await observe(context, host, [], [], connection)
    if (observed.transactions.some(({ state, who }) => state === 'running' && (left.host === '' || who === left.who))) {
      const problem = taken(at.host, app, left, 'who has gone; the transaction there goes on by itself')
      // this very run follows it to its end
      throw context.mayWait(at.host.name, other) ? new AfterOthers(other, problem) : problem
    }
  } finally {
    await connection.close()
  }
}
