import { setTimeout as sleep } from 'node:timers/promises'
import type { SshConnection } from '../host/connection.ts'
import type { Host } from '../inventory/model.ts'
import { exitCodes, Problem } from '../problem.ts'

/** The line to a host, and how to open it again. */
export interface Line {
  connection: SshConnection
  open: () => Promise<SshConnection>
}

/** Seconds between tries; together what a router takes to restart. */
const pauses = [1, 2, 3, 5, 8, 12, 15, 15, 15, 15, 15, 15]

/** What passes by itself: a cable, a router, a host on its way up. Anything else would only fail again. */
const passing = new Set(['host-unreachable', 'connection-refused', 'connect-timeout', 'connection-dropped'])

/**
 * Opens a lost line again; the host goes on with its transaction meanwhile.
 * @throws Problem `connection-lost` (exit 3) when the host stays away, or the operator has asked to stop
 */
export async function openAgain(host: Host, line: Line, stopping: AbortSignal): Promise<SshConnection> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await line.open()
    } catch (error) {
      if (!(error instanceof Problem) || !passing.has(error.code)) throw error
      const pause = pauses[tries]
      if (pause === undefined || stopping.aborted)
        throw new Problem({
          code: 'connection-lost',
          doing: `coming back to the transaction on ${host.name}`,
          found: error.found,
          next: 'the host goes on by itself: run provision again, it follows the transaction or finds what it came to',
          host: host.name,
          exit: exitCodes.unreachable,
          cause: error,
        })
      await sleep(pause * 1000)
    }
  }
}
