import type { SshConnection } from '../host/connection.ts'
import { connectHost } from '../host/connect.ts'
import { runAsRoot } from '../host/root.ts'
import { type App, type Host, unitOf } from '../inventory/model.ts'
import { healthCheck } from '../plan/health.ts'
import { Problem } from '../problem.ts'
import { hostProgram } from '../templates/render.ts'
import type { AtWork } from './app-turns.ts'
import type { RunContext } from './context.ts'

/** Seconds: one that has crashed just now is watched for a while, and asked a few times. */
const deadlineSeconds = 120

/** `none`: the app was never set up there. */
type Serving = { state: 'serving' | 'none' } | { state: 'down'; why: string }

/** An app that is not to be restarted here, and the host on which it is down. */
export interface Halted {
  app: App
  waitsFor: string
  why: string
}

/**
 * Before apps are restarted on a host: each of them has to serve on its other hosts, or the restart leaves nobody who does. Where it
 * is down on this host already there is nothing to lose. A host that cannot be reached is told of, and holds nobody back: its
 * app may be out for weeks.
 * @returns those that are down elsewhere
 */
export async function downElsewhere(context: RunContext, at: AtWork, apps: readonly App[]): Promise<Halted[]> {
  const halted: Halted[] = []
  for (const app of apps) {
    const here = await serving(context, at.host, at.connection, app)
    if (here.state === 'down') continue
    for (const name of app.hosts.filter((each) => each !== at.host.name)) {
      const there = await servingOn(context, at.host, name, app)
      if (there?.state !== 'down') continue
      halted.push({ app, waitsFor: name, why: there.why })
      break
    }
  }
  return halted
}

async function servingOn(context: RunContext, at: Host, name: string, app: App): Promise<Serving | null> {
  const host = context.inventory.hosts[name]
  if (host === undefined) return null
  let connection: SshConnection
  try {
    connection = await connectHost(host, context.connect)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    context.report({
      type: 'warning',
      host: at.name,
      app: app.name,
      code: 'serving-unknown',
      message: `whether ${app.name} serves on ${name} could not be seen: ${error.found}`,
      next: `it is restarted on ${at.name} all the same; nothing is to be done where ${name} is known to be away`,
    })
    return null
  }
  try {
    return await serving(context, host, connection, app)
  } finally {
    await connection.close()
  }
}

async function serving(context: RunContext, host: Host, connection: SshConnection, app: App): Promise<Serving> {
  const doing = `seeing whether ${app.name} serves on ${host.name}`
  const { code, stdout, stderr } = await runAsRoot(connection, {
    doing,
    files: [
      { name: 'serving.sh', content: hostProgram('serving.sh') },
      { name: 'healthy.sh', content: hostProgram('apply/healthy.sh') },
    ],
    workIn: '/run/streamside',
    program: 'serving.sh',
    args: [
      [unitOf(app), ...(app.was === null ? [] : [`${app.was}.service`])].join(','),
      // whom a service's own check runs as is known where it is looked at, and may differ: there the unit's state has to do
      ...(app.service !== null && app.health?.kind === 'command' ? ['once'] : healthCheck(app, app.name)),
    ],
    sudoPassword: host.sudoPassword,
    ...(context.askSudoPassword ? { askPassword: () => context.askSudoPassword!(host.name) } : {}),
    deadlineSeconds,
  })
  const [, state, why = ''] = /^(serving|none|down)(?: (.*))?$/m.exec(stdout.trim()) ?? []
  if (code === 0 && (state === 'serving' || state === 'none')) return { state }
  if (code === 0 && state === 'down') return { state, why }
  throw new Problem({
    code: 'serving-unknown',
    doing,
    found: stderr.trim() || `serving.sh ended with status ${code}`,
    next: `look at ${host.name}: does systemctl status ${unitOf(app)} answer there?`,
    host: host.name,
    app: app.name,
  })
}

/** @param started what was down here has been started all the same */
export function rollHalted(host: Host, { app, waitsFor, why }: Halted, started: boolean): Problem {
  return new Problem({
    code: 'roll-halted',
    doing: `restarting ${app.name} on ${host.name}`,
    found: `it does not serve on ${waitsFor}: ${why}`,
    next: started
      ? `all but that was done on ${host.name}, and its next start is from what was laid: run provision again once ${app.name} serves on ${waitsFor}`
      : `nothing was changed on ${host.name}: mend ${app.name} on ${waitsFor} first, then run provision again; ` +
        `--restarts now does not ask about other hosts`,
    host: host.name,
    app: app.name,
  })
}
