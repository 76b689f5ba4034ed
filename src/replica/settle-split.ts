import type { Owner } from './owner.ts'
import type { InstanceRequest, Transition } from './transitions.ts'

/** By path of the past: how far its databases go there, as it was shown to people. */
export type ShownEnds = Readonly<Record<string, Readonly<Record<string, string>>>>

/**
 * The holder goes on with what it has, and what somebody wrote under a path of the past after it had ended is no second history any
 * more: its end is what was shown. Nothing of it is deleted; what comes there later is told again.
 */
export function settleSplit(owner: Owner, { holder, write }: InstanceRequest, shown: ShownEnds): Transition {
  if (owner.holder?.id !== holder.id) return { kind: 'anew-not-holder', holder: owner.holder }
  const past = owner.past.map((entry) => {
    const end =
      Object.hasOwn(shown, entry.path) && entry.end !== null ? later(entry.end, shown[entry.path] ?? {}) : null
    return end === null ? entry : { ...entry, end }
  })
  return past.every((entry, index) => entry === owner.past[index])
    ? { kind: 'unchanged', owner }
    : { kind: 'next', owner: { ...owner, write, past } }
}

/** Null when nothing goes beyond it. As the timer sees it: only databases that it has an end of. */
function later(end: Record<string, string>, shown: Readonly<Record<string, string>>): Record<string, string> | null {
  const beyond = Object.entries(shown).filter(([name, txid]) => Object.hasOwn(end, name) && txid > (end[name] ?? ''))
  return beyond.length === 0 ? null : { ...end, ...Object.fromEntries(beyond) }
}
