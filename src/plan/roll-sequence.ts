import { type App, unitOf } from '../inventory/model.ts'
import type { HostPlan } from './change.ts'
import type { Roll } from './roll.ts'

/** A step of a roll, and what it will do: for `--dry-run`. */
export interface RollStep {
  step: string
  what: string
}

/** The steps in which an app is taken down and up again on one host (apply/roll.sh); none when it is not restarted. */
export function rollSequence(plan: HostPlan, app: App, roll: Roll): RollStep[] {
  const unit = unitOf(app)
  const verbs = plan.changes.map(({ step }) => step)
  const starts = verbs.find(({ verb, fields }) => (verb === 'start' || verb === 'restart') && fields[0] === unit)
  if (starts === undefined) return []
  const isUp = starts.verb === 'restart'
  const databases = Object.keys(app.databases)
  const names = databases.join(', ')
  const laid = verbs.filter(({ verb }) => ['release', 'binary', 'file', 'package', 'user', 'directory'].includes(verb))
  const files = verbs.filter(({ verb }) => ['file', 'link', 'remove'].includes(verb))
  const kept = plan.attendant.filter(({ verb }) => verb === 'keep').length
  const steps: (RollStep | null)[] = [
    laid.length === 0
      ? null
      : { step: 'stage', what: `${count(laid.length, 'change')} laid beside what is there, and checked` },
    isUp && databases.length > 0
      ? {
          step: 'prove',
          what: `${names} restored from ${app.replica} beside the app, and checked in full; not sound: nothing is stopped`,
        }
      : null,
    isUp && app.drain !== null
      ? { step: 'drain', what: `${app.drain.file} is made, then ${app.drain.waitSeconds} s` }
      : null,
    isUp ? { step: 'stop', what: stopWords(unit, app) } : null,
    isUp && databases.length > 0 && app.restart !== 'prove' && app.storage.kind === 'persistent'
      ? { step: 'compare', what: compareWords(app) }
      : null,
    files.length === 0
      ? null
      : { step: 'switch', what: `${count(files.length, 'file or link', 'files and links')} get their names` },
    { step: 'start', what: databases.length > 0 ? `${unit}, by its gate` : unit },
    {
      step: 'health',
      what: `within ${app.health?.withinSeconds ?? 30} s${kept > 0 ? '; else what runs now is put back, on the data as they are' : ''}`,
    },
    databases.length > 0 ? { step: 'protect', what: `until ${app.replica} is proven to hold ${names}` } : null,
    roll.kind === 'rollback'
      ? { step: 'note', what: 'the inventory keeps its release: the next update goes there' }
      : null,
  ]
  return steps.filter((step) => step !== null)
}

function stopWords(unit: string, { databases }: App): string {
  if (Object.keys(databases).length === 0) return unit
  return `${unit}, and the proof of its last writes; else it is started again as it was`
}

function compareWords({ restart }: App): string {
  const what = 'what the replica gives back, byte for byte with what lies here'
  return restart === 'auto' ? `${what}, where that is a matter of seconds` : what
}

function count(number: number, one: string, more = `${one}s`): string {
  return `${number} ${number === 1 ? one : more}`
}
