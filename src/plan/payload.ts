import { encodeField } from '../host/host-encoding.ts'
import { hostProgram } from '../templates/render.ts'
import type { HostPlan } from './change.ts'

/** The files of a transaction on its way to a host: small ones as content, big ones as paths on this machine. */
export interface Payload {
  files: { name: string; content: string | Buffer }[]
  streams: { name: string; path: string }[]
  /** Step number → index into `plan.changes`, for the journal's `done N` lines. */
  changeOfStep: Map<number, number>
}

/** Programs of the host's that apply.sh reads, and other programs too. */
export const sharedPrograms = ['tree.sh', 'enter.sh', 'own-paths.sh', 'look.sh', 'rsyslog.sh', 'deleted.sh']

/** What is restored beside an app before it is restarted. */
const rollingPrograms = ['prove-beside.sh', 'restore.sh']

/**
 * The payload that carries a plan out.
 * @param who operator, machine and command, for whoever finds the transaction on the host
 * @param seenAt when the host was as the plan has it: seconds since the epoch, by its own clock
 */
export function applyPayload(plan: HostPlan, who: string, seenAt: number): Payload {
  const parts = 'apply lay packages healthy replicating units leave roll recover rename mend logging'
    .split(' ')
    .map((part) => `${part}.sh`)
  const programs = ['run', ...parts].map((name) => ({ name, content: hostProgram(`apply/${name}`) }))
  const payload: Payload = {
    files: [...programs, ...sharedPrograms.map((name) => ({ name, content: hostProgram(name) }))],
    streams: [],
    changeOfStep: new Map(),
  }
  if (plan.attendant.some(({ verb }) => verb === 'roll'))
    payload.files.push(...rollingPrograms.map((name) => ({ name, content: hostProgram(name) })))
  const steps = [...plan.changes.map((change) => change.step), ...plan.attendant]
  const lines = steps.map((step, index) => {
    const number = index + 1
    if (index < plan.changes.length) payload.changeOfStep.set(number, index)
    if (step.member && 'path' in step.member) {
      payload.streams.push({ name: `members/${number}`, path: step.member.path })
      if (step.member.sums !== undefined)
        payload.files.push({ name: `members/${number}.sums`, content: step.member.sums })
    }
    if (step.member && 'content' in step.member)
      payload.files.push({ name: `members/${number}`, content: step.member.content })
    return `${[step.verb, ...step.fields].map((field) => encodeField(field)).join('\t')}\n`
  })
  payload.files.push(
    { name: 'steps', content: lines.join('') },
    { name: 'members/manifest', content: plan.manifest },
    { name: 'who', content: `${who}\n` },
    { name: 'seen-at', content: `${Math.floor(seenAt)}\n` },
    ...(plan.meanwhile === null ? [] : [{ name: 'members/meanwhile', content: plan.meanwhile }]),
  )
  return payload
}
