import { lookup } from 'node:dns/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectHost } from '../host/connect.ts'
import { findInventory } from '../inventory/find.ts'
import { loadInventory } from '../inventory/load.ts'
import type { Host, Inventory } from '../inventory/model.ts'
import { type ExitCode, exitCodes, Problem } from '../problem.ts'
import { hostNamed } from './app-hosts.ts'

export interface CardCheckOptions {
  inventory?: string
  /** Seconds. */
  wait: number
}

/** What a machine answers that is still at its first boot: nothing at all, or an sshd that knows nobody yet. */
const stillBooting = new Set([
  'host-not-found',
  'host-unreachable',
  'connection-refused',
  'connect-timeout',
  'connection-dropped',
  'auth-failed',
])

/**
 * `streamside card --check HOST`: waits until the host answers with the key that its card was given. Another key ends it: something
 * else has that address.
 * @throws InventoryProblem, Problem `host-unknown`, those of `connectHost`, `card-not-seen`
 */
export async function runCardCheck(name: string, options: CardCheckOptions, stopping: AbortSignal): Promise<ExitCode> {
  const { inventory } = await loadInventory(options.inventory ?? (await findInventory(process.cwd())), {
    skipSecrets: true,
    skipLocalFiles: true,
  })
  const host = hostNamed(inventory, name)
  const began = Date.now()
  let said = ''
  const say = (text: string) => {
    if (text !== said) process.stderr.write(`${host.name}: ${text}\n`)
    said = text
  }
  for (;;) {
    const problem = await answers(host, inventory)
    if (problem === null) {
      process.stdout.write(
        `${host.name}: answers at ${host.address}, with the key that is known of it, after ${Math.round((Date.now() - began) / 1000)} s\n`,
      )
      return exitCodes.done
    }
    if (!stillBooting.has(problem.code)) throw problem
    if (Date.now() - began > options.wait * 1000 || stopping.aborted) throw await notSeen(host, problem, stopping)
    say(`${problem.found}; waiting`)
    await sleep(3000, undefined, { signal: stopping }).catch(() => {})
  }
}

async function answers(host: Host, { ssh }: Inventory): Promise<Problem | null> {
  try {
    const connection = await connectHost(host, { ssh, acceptNew: false, report: () => {}, connectTimeoutSeconds: 10 })
    await connection.close()
    return null
  } catch (error) {
    if (error instanceof Problem) return error
    throw error
  }
}

async function notSeen(host: Host, last: Problem, stopping: AbortSignal): Promise<Problem> {
  const local = `${host.card.hostname}.local`
  const there = await lookup(local).catch(() => null)
  return new Problem({
    code: 'card-not-seen',
    doing: `waiting for ${host.name} at ${host.address}`,
    found: stopping.aborted ? 'it was stopped' : last.found,
    next:
      there === null
        ? 'see whether its lights say that it boots, whether it is in the network (the list of your router), and what its console says; a first boot takes some minutes'
        : `something calls itself ${local} and has the address ${there.address}: give ${host.name} that address in the inventory`,
    host: host.name,
    exit: exitCodes.unreachable,
  })
}
