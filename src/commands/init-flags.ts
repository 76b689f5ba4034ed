import { relative } from 'node:path'
import { variableOf } from '../inventory/secrets/environment.ts'
import type { Starter } from '../inventory/starter.ts'
import { exitCodes, Problem } from '../problem.ts'
import { proposalsFrom, sshOf } from './init-from.ts'
import type { InitOptions } from './init-options.ts'
import { splitHost } from './init-questions.ts'
import { splitPackages } from './init-rules.ts'

/**
 * All that flags and environment leave open, in one go.
 * @throws Problem `init-incomplete`
 */
export function refuseMissing(options: InitOptions, keys: string[]): void {
  const ofApp = ['release', 'command', 'packages', 'port', 'database', 'health'] as const
  const app = options.app !== undefined || ofApp.some((flag) => options[flag] !== undefined)
  const flags = [
    ...(options.host.length === 0 && options.from === undefined ? ['--host NAME=ADDRESS'] : []),
    ...(options.bucket === undefined && options.from === undefined ? ['--bucket NAME'] : []),
    ...(app && options.app === undefined ? ['--app NAME'] : []),
    ...(app && options.release === undefined ? ['--release PATH'] : []),
    ...(app && options.command === undefined ? ['--command COMMAND'] : []),
  ]
  if (flags.length === 0 && keys.length === 0) return
  const missing = `${flags.join(', ')} ${flags.length === 1 ? 'is' : 'are'} missing`
  const unset = `nothing says what the bucket's keys are (${keys.map((name) => variableOf(name)).join(', ')} not set)`
  throw new Problem({
    code: 'init-incomplete',
    doing: 'writing a first inventory from flags',
    found: [...(flags.length > 0 ? [missing] : []), ...(keys.length > 0 ? [unset] : [])].join(', and '),
    next:
      (keys.length > 0 ? 'set the keys in the environment, never as flags; ' : '') +
      `${flags.length > 0 ? 'give the flags, or ' : ''}run streamside init on a terminal and be asked`,
    exit: exitCodes.usage,
  })
}

/**
 * What flags say, and what a host that runs already was found to have.
 * @throws Problem, those of `proposalsFrom`
 */
export async function starterFromFlags(options: InitOptions, cwd: string): Promise<Starter> {
  const from = options.from === undefined ? null : await proposalsFrom(options, sshOf(options, cwd))
  const hosts = [...(from ? [from.host] : []), ...options.host.map((text) => splitHost(text))]
  return {
    ...(from ? { proposals: from.lines } : {}),
    site: options.site ?? 'home',
    user: options.user ?? null,
    hosts,
    replica:
      options.bucket === undefined
        ? null
        : {
            endpoint: options.endpoint ?? null,
            region: options.region ?? 'us-east-1',
            bucket: options.bucket,
            prefix: options.prefix ?? options.site ?? 'home',
          },
    app:
      options.app === undefined
        ? null
        : {
            name: options.app,
            host: hosts[0]?.name ?? '',
            release: options.release ?? '',
            command: options.command ?? '',
            packages: splitPackages(options.packages ?? ''),
            port: options.port ?? null,
            database: options.database ?? null,
            health: options.health ?? null,
          },
  }
}

/** The ssh_config of the flags, as an inventory in `folder` names it; null = the user's own. */
export function sshConfigOf(options: InitOptions, cwd: string, folder: string): string | null {
  const { config } = sshOf(options, cwd)
  if (config === null) return null
  const below = relative(folder, config)
  return below.startsWith('../../') ? config : below
}
