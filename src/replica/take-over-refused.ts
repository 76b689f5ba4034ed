import { exitCodes, type ProblemDetails } from '../problem.ts'
import { instancePrefix } from './owner.ts'
import type { OwnerPlace } from './place.ts'
import type { TakeOverRefusal } from './take-over.ts'

interface Context {
  app: { name: string; was: string | null }
  host: string
  instance: string
  place: OwnerPlace
}

/** A take-over that is not allowed, in words: what was found, and the way on. Nothing was changed. */
export function takeOverRefused(
  step: TakeOverRefusal,
  { app, host, instance, place }: Context,
): Pick<ProblemDetails, 'code' | 'found' | 'next' | 'exit'> {
  const code = step.kind
  const under = instancePrefix(place.data, instance)
  switch (step.kind) {
    case 'restore-over-data':
      return {
        code,
        found:
          `${host} does not hold it, and has files of it: ` +
          (step.lying.length === 0 ? 'it has run there' : `the database ${step.lying.join(', ')} is there`),
        next:
          `restore never writes over a database. If the replica is what you want: streamside restore ${host} --discard-local, ` +
          'which keeps those files in .streamside-aside beside the database',
      }
    case 'restore-changed':
      return {
        code,
        found: `its owner object was written meanwhile: ${step.holder === null ? 'nobody holds it' : `${step.holder.host} (id ${step.holder.id.slice(0, 12)}…) holds it`}, under ${step.path}`,
        next: 'see who that was, then run this again: it shows what is there now',
      }
    case 'restore-databases':
      return {
        code,
        found: `the replica has the databases ${step.dropped.join(', ')} of ${app.name}, and the inventory has not`,
        next: `put ${step.dropped.map((name) => `${name}:`).join(' and ')} back under databases: of ${app.name} and run this again; take them out once the app has started`,
      }
    case 'restore-other-replica':
      return {
        code,
        found: `it is on its way here from replica ${step.replica}`,
        next: 'run this with the release that has ordered that',
      }
    case 'restore-owner-went-back':
      return {
        code,
        found: `${under}${step.path} was proven once, and the owner object, which is older, does not know it: the bucket has gone back, or part of it`,
        next: `bring the newest version of ${instancePrefix(place.keeper, instance)}owner.json back, which names that path; what it leads to now is older`,
        exit: exitCodes.unsound,
      }
    case 'restore-data-elsewhere':
      return {
        code,
        found:
          `${step.holder ?? 'another machine'} was to go on with the files that lay there, and ${step.missing.join(', ')} ` +
          'had not been uploaded when it stopped: what it had is on that machine alone',
        next:
          app.was === null
            ? `bring its card back; if ${app.name} had another name until then, call it so again in the inventory and run this again: its data lie under that name`
            : `call it ${app.was} again in the inventory (without was:) and run this again: its data lie under that name`,
        exit: exitCodes.unsound,
      }
    case 'restore-lost':
      return {
        code,
        found: `${step.dbs.join(', ')} was proven to be under ${under}${step.path}, and nothing is there any more`,
        next:
          `bring the bucket's content back and run this again; or go back to an earlier point, where the replica has one: ` +
          `streamside restore ${host} --app ${app.name} --at TIME; or begin with an empty database: streamside provision --new-history ${app.name}`,
        exit: exitCodes.unsound,
      }
  }
}
