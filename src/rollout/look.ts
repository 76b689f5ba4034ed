import { desiredHost, type HostArtifacts, type HostFacts, type HostState, noFacts } from '../desired/host-state.ts'
import type { GateConfig } from '../desired/gate.ts'
import { gateConfigPath } from '../desired/places.ts'
import type { Resource } from '../desired/resources.ts'
import { clockOffset } from '../host/clock.ts'
import { connectHost } from '../host/connect.ts'
import type { SshConnection } from '../host/connection.ts'
import type { Observed } from '../host/observed.ts'
import { parseProbe, probePayload } from '../host/probe.ts'
import { runAsRoot } from '../host/root.ts'
import type { PayloadFile } from '../host/payload.ts'
import type { App, Architecture, Host, Inventory } from '../inventory/model.ts'
import type { HostPlan } from '../plan/change.ts'
import { readManifest } from '../plan/manifest.ts'
import { planHost } from '../plan/plan.ts'
import { afterRenames } from '../plan/after-renames.ts'
import { renamedMetrics, renamesOn } from '../plan/renames.ts'
import { probeRequest } from '../plan/probe-request.ts'
import { serviceFacts } from '../plan/services.ts'
import { Problem } from '../problem.ts'
import { readOwner } from '../replica/ensure.ts'
import type { RunContext } from './context.ts'

/** systemd 252 is Debian 12's; what the units rely on (host-os facts) was tried from there on. */
const oldestSystemd = 252

export interface Planned {
  observed: Observed
  state: HostState
  plan: HostPlan
}

export interface Looked extends Planned {
  /** Seconds that the host's clock is ahead of this machine's. */
  clockOffset: number
}

/** Seconds for a probe: dozens of files are hashed, on a slow card a release's tree is walked. */
const probeDeadlineSeconds = 120

/** Connects to a host; the caller closes the connection. Until then it also carries what is asked of buckets for this host. */
export async function openHost(context: RunContext, host: Host): Promise<SshConnection> {
  const connection = await connectHost(host, context.connect)
  context.buckets.carriedBy(connection)
  context.departed?.ask(host.name)
  return connection
}

/** A program that runs in a probe's exec and answers after it. */
export interface Beside {
  /** Among `files`; it runs `probe.sh` itself, and prints its answer first. */
  program: string
  files: PayloadFile[]
  deadlineSeconds: number
}

/**
 * Looks at a host (one exec) and plans what it needs.
 * @throws Problem when the host answers no probe, is no Debian with systemd 252 or later, or a plan cannot be made
 */
export async function lookAt(context: RunContext, host: Host, apps: App[], connection: SshConnection): Promise<Looked> {
  const wanted = await wantedOn(context, host, apps)
  const from = Date.now() / 1000
  const { observed } = await observe(context, host, apps, wanted, connection)
  const asked = { from, to: Date.now() / 1000 }
  return {
    ...(await planFor(context, host, apps, observed)),
    clockOffset: clockOffset(observed.clock.epochSeconds, asked),
  }
}

/** Which resources a host should have follows from the inventory alone; what is in some of them only once it has answered. */
export async function wantedOn(context: RunContext, host: Host, apps: App[]): Promise<Resource[]> {
  const candidates = await context.artifacts.candidates(apps)
  return candidates.flatMap(
    (artifacts) =>
      desiredHost(context.inventory, host, noFacts, goneBack(context, artifacts), context.roll?.app).resources,
  )
}

/**
 * The exec. `rest` is what a program beside the probe has answered.
 * @throws Problem `probe-failed`, `probe-garbled`, `same-machine`, and those of `runAsRoot`
 */
export async function observe(
  context: RunContext,
  host: Host,
  apps: App[],
  wanted: Resource[],
  connection: SshConnection,
  beside?: Beside,
): Promise<{ observed: Observed; rest: string }> {
  const request = probeRequest(wanted, apps, context.inventory.replicas, context.verify)
  context.report({ type: 'host-step', host: host.name, step: 'probe' })
  const answer = await runAsRoot(connection, {
    doing: `looking at ${host.name}`,
    files: [...probePayload(request), ...(beside?.files ?? [])],
    workIn: '/run/streamside',
    program: beside?.program ?? 'probe.sh',
    sudoPassword: host.sudoPassword,
    ...(context.askSudoPassword ? { askPassword: () => context.askSudoPassword!(host.name) } : {}),
    deadlineSeconds: beside?.deadlineSeconds ?? probeDeadlineSeconds,
  })
  if (answer.code !== 0)
    throw new Problem({
      code: 'probe-failed',
      doing: `looking at ${host.name}`,
      found: answer.stderr.trim() || `the probe ended with status ${answer.code}`,
      next: 'a bare Debian or Raspberry Pi OS has all that the probe needs: see what was changed on this host',
      host: host.name,
    })
  const mark = '\nend\n'
  const end = beside ? answer.stdout.indexOf(mark) + mark.length : answer.stdout.length
  const observed = parseProbe(answer.stdout.slice(0, end), request, host.name)
  context.machines(host.name, observed.hostId)
  context.departed?.isMachine(host.name, observed.hostId)
  context.departed?.saw(observed.replicas)
  return { observed, rest: answer.stdout.slice(end) }
}

/** @throws Problem when the host is no Debian with systemd 252 or later, or a plan cannot be made */
export async function planFor(context: RunContext, host: Host, apps: App[], seen: Observed): Promise<Planned> {
  const architecture = supported(seen, host)
  const observed = afterRenames(seen, apps, host.name)
  const renames = renamesOn(apps, observed)
  const unmounted = unmountedApps(context.inventory, apps, observed)
  const facts: HostFacts = {
    unmounted,
    users: observed.users,
    takenIds: observed.takenIds,
    metrics: renamedMetrics(readManifest(observed.manifest).metrics, renames),
    owners: await accountsInReplica(
      context,
      host,
      apps.filter(({ name }) => !unmounted.has(name)),
      observed,
    ),
    services: serviceFacts(apps, observed, host.name),
  }
  const artifacts = goneBack(context, await context.artifacts.forHost(apps, architecture))
  const state = desiredHost(context.inventory, host, facts, artifacts, context.roll?.app)
  context.buckets.usersOn(host.name, new Map([...state.accounts].map(([app, { user }]) => [app, user])))
  return { observed, state, plan: planHost(state, observed) }
}

/** For `rollback`: a release that is on the host, in the place of the inventory's. Nothing of it is ever sent. */
function goneBack({ roll }: RunContext, artifacts: HostArtifacts): HostArtifacts {
  if (roll?.kind !== 'rollback') return artifacts
  const release = { digest: roll.release, tar: '', bytes: 0, entries: [] }
  return { ...artifacts, releases: new Map([...artifacts.releases, [roll.app, release]]) }
}

/**
 * Apps whose replica this host has to mount before anything else: what it holds says which user they have and whether they may run
 * here. Not those that have run here with it, for they are known.
 */
function unmountedApps({ replicas }: Inventory, apps: App[], observed: Observed): Set<string> {
  const waits = ({ name, replica: of }: App) => {
    const replica = of === null ? undefined : replicas[of]
    return (
      replica?.type === 'file' &&
      replica.mount !== null &&
      observed.replicas.get(replica.name)?.isMounted !== true &&
      (observed.apps.get(name)?.claimed !== true || isElsewhere(name, replica.path, observed))
    )
  }
  return new Set(apps.filter(waits).map(({ name }) => name))
}

/** Whether the host's own files say that the app's replica is elsewhere: they are shown where they differ from what is wanted. */
function isElsewhere(app: string, place: string, observed: Observed): boolean {
  const seen = observed.paths.get(gateConfigPath(app))
  if (seen?.type !== 'file' || seen.content === null) return false
  try {
    const config = JSON.parse(seen.content.toString()) as Partial<GateConfig>
    return config.ownership?.mode !== 'directory' || config.ownership.root !== place
  } catch {
    // Somebody has edited it, and it is written anew.
    return false
  }
}

/** @throws Problem `host-unsupported` */
export function supported(observed: Observed, host: Host): Architecture {
  const refuse = (found: string, next: string) =>
    new Problem({ code: 'host-unsupported', doing: `looking at ${host.name}`, found, next, host: host.name })
  if (!(observed.systemd >= oldestSystemd))
    throw refuse(
      `systemd ${observed.systemd} on ${observed.os.id} ${observed.os.version}`,
      `streamside needs systemd ${oldestSystemd} or later: Debian 12, Raspberry Pi OS bookworm, or newer`,
    )
  switch (observed.architecture) {
    case 'amd64':
    case 'arm64':
    case 'armhf':
      return observed.architecture
    default:
      throw refuse(
        `the architecture ${observed.architecture}`,
        'streamside runs on amd64, arm64 and armhf: those Litestream is released for',
      )
  }
}

/**
 * uid and gid of an app's user are fixed at its first launch, in the owner object: a host where the user is missing makes
 * it with those, so that restored files keep their owner. Costs nothing for a host that has all its users.
 */
async function accountsInReplica(
  context: RunContext,
  host: Host,
  apps: App[],
  observed: Observed,
): Promise<Map<string, { uid: number; gid: number }>> {
  const found = new Map<string, { uid: number; gid: number }>()
  for (const app of apps) {
    if (app.replica === null || app.service !== null || observed.users.has(app.name)) continue
    const owner = await readOwner({
      inventory: context.inventory,
      app,
      host: host.name,
      open: context.buckets.openFor(host.name),
    })
    if (owner) found.set(app.name, { uid: owner.uid, gid: owner.gid })
  }
  return found
}
