import type { HostState } from '../desired/host-state.ts'
import { clockAdvice, readOnlyAdvice } from '../host/advice.ts'
import type { Listener, Observed } from '../host/observed.ts'
import { unitOf } from '../inventory/model.ts'
import { exitCodes, Problem } from '../problem.ts'
import { apart } from '../report/duration.ts'
import type { HostPlan } from './change.ts'
import { roomProblems } from './room.ts'

/** What a plan is to be carried out on. */
export interface Ground {
  state: HostState
  plan: HostPlan
  observed: Observed
  /** Seconds that the host's clock is ahead of this machine's; less than 0: behind. */
  clockOffset: number
  /** Bytes of what is sent, by its path on this machine. */
  sizes: ReadonlyMap<string, number>
}

/** Seconds from which the gate holds apps back and Litestream does not run (ownership.md, the gate's step 1). */
const clockTold = 300
/** Seconds from which apt and TLS refuse what was signed since, or what has ended since. */
const clockRefused = 86_400
/** Epoch s of Debian 12's release: a clock from before it is wrong, whatever it says of itself. */
const debian12 = Date.UTC(2023, 5, 10) / 1000

/**
 * Why a plan would fail on this host: known before anything is begun, and so nothing is. In the order in which they are to be
 * mended, for one is often the cause of the next.
 */
export function obstacles(ground: Ground): Problem[] {
  const { observed, plan } = ground
  if (plan.changes.length === 0) return plan.refused
  const readOnly = observed.disks.filter(({ target }) => observed.readOnly.includes(target))
  return [
    ...plan.refused,
    ...[...new Set(readOnly.map(({ target }) => target))].map((target) => readOnlyProblem(plan.host, target)),
    ...clockProblem(ground),
    // Of what cannot be written to, room is not the question.
    ...(readOnly.length > 0 ? [] : roomProblems(ground)),
    ...portProblems(ground),
  ]
}

/** What is wrong with a host and does not keep a plan from being carried out. */
export function groundWarnings(ground: Ground): HostPlan['warnings'] {
  const { observed, plan, clockOffset } = ground
  const warnings: HostPlan['warnings'] = []
  if (plan.changes.length === 0)
    for (const target of new Set(observed.disks.map((disk) => disk.target)))
      if (observed.readOnly.includes(target))
        warnings.push({ code: 'read-only', message: readOnlyText(target), next: readOnlyAdvice(plan.host) })
  const refused = plan.changes.length > 0 && clockProblem(ground).length > 0
  if (Math.abs(clockOffset) > clockTold && !refused)
    warnings.push({
      code: 'clock',
      message: clockText(ground),
      next: isRight(observed)
        ? `that host has its time from a time server: see whether this machine has (timedatectl)`
        : clockAdvice(plan.host),
    })
  return warnings
}

function readOnlyProblem(host: string, target: string): Problem {
  return new Problem({
    code: 'read-only',
    doing: `provisioning ${host}`,
    found: readOnlyText(target),
    next: readOnlyAdvice(host),
    host,
  })
}

function readOnlyText(target: string): string {
  return `${target} is mounted read-only, as the kernel does after an error of the card`
}

/** A host that has its time from a time server is right, and this machine is not: no reason to refuse. */
function isRight({ clock }: Observed): boolean {
  return clock.synchronized && clock.epochSeconds > debian12
}

function clockProblem(ground: Ground): Problem[] {
  const { observed, plan, clockOffset } = ground
  if (Math.abs(clockOffset) < clockRefused || isRight(observed)) return []
  const validity = clockOffset < 0 ? 'is valid yet' : 'is valid any more'
  return [
    new Problem({
      code: 'clock',
      doing: `provisioning ${plan.host}`,
      found: `${clockText(ground)}; with that no certificate and no signature of a package ${validity}`,
      next: clockAdvice(plan.host),
      host: plan.host,
    }),
  ]
}

function clockText({ observed, clockOffset }: Ground): string {
  const time = new Date(observed.clock.epochSeconds * 1000).toISOString().slice(0, 16).replace('T', ' ')
  return `its clock says ${time} UTC, which is ${apart(clockOffset)} ${clockOffset < 0 ? 'behind' : 'ahead of'} this machine's`
}

/** A port that somebody else's process listens on: the app would crash at each start. */
function portProblems({ plan, state, observed }: Ground): Problem[] {
  // Of a rename all names: one that was cut off may have started the app under any of them.
  const gone = plan.changes.flatMap(({ step: { verb, fields } }) =>
    verb === 'leave' ? fields.slice(0, 1) : verb === 'rename' ? fields : [],
  )
  const runsOn = plan.leaving.filter((app) => !gone.includes(app))
  const ours = new Set([
    ...state.apps.map(unitOf),
    ...gone.map((app) => `${app}.service`),
    ...[...state.apps.map(({ name }) => name), ...plan.leaving, ...gone].map((app) => `${app}-litestream.service`),
  ])
  return state.apps.flatMap((app) => {
    if (app.port === null || !plan.started.includes(app.name)) return []
    const holder = observed.listeners.find(({ port, unit }) => port === app.port && !ours.has(unit))
    if (!holder) return []
    const left = runsOn.find((name) => holder.unit === `${name}.service`)
    const way =
      left === undefined
        ? endAdvice(holder, plan.host)
        : `if ${app.name} is ${left} under another name, write was: ${left} under it, and it takes its data along; else remove ${left} first (streamside provision --prune with ${app.name} left out)`
    return [
      new Problem({
        code: 'port-taken',
        doing: `starting ${app.name} on ${plan.host}`,
        found: `port ${app.port} is taken by ${holderText(holder)}${left === undefined ? '' : ', which has left the inventory and runs on'}`,
        next: `${way}; or give ${app.name} another port: in the inventory; then run provision again`,
        host: plan.host,
        app: app.name,
        exit: exitCodes.failed,
      }),
    ]
  })
}

function holderText({ pid, command, unit }: Listener): string {
  if (pid === null) return 'a process that is not to be seen'
  return `process ${pid} (${command}${unit === '' ? '' : ` of ${unit}`})`
}

function endAdvice({ pid, unit }: Listener, host: string): string {
  if (pid === null) return `see who it is (streamside ssh ${host} sudo ss -ltnp)`
  const end = unit.endsWith('.service') ? `systemctl disable --now ${unit}` : `kill ${pid}`
  return `end that (streamside ssh ${host} sudo ${end})`
}
