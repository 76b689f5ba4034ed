import type { ExitCode } from '../problem.ts'
import { provisionHost } from '../rollout/host-provision.ts'
import { runOverHosts } from './run.ts'
import type { RunOptions } from './run-options.ts'

/** `streamside provision`: brings every host of the inventory to its declared state. */
export async function runProvision(options: RunOptions, stopping: AbortSignal): Promise<ExitCode> {
  return runOverHosts('provision', options, stopping, provisionHost)
}
