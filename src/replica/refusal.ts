import type { Replica } from '../inventory/model.ts'
import { exitCodes, Problem, type ProblemDetails } from '../problem.ts'
import { instancePrefix, type Holder } from './owner.ts'
import type { OwnerPlace } from './place.ts'
import { takeOverRefused } from './take-over-refused.ts'
import type { TakeOverRefusal } from './take-over.ts'
import type { Refusal } from './transitions.ts'

export interface RefusalContext {
  inventory: { hosts: Record<string, unknown> }
  app: { name: string; was: string | null; service?: { unit: string } | null }
  earlier?: { name: string } | null
  host: string
  uid: number
  gid: number
  instance: string
  place: OwnerPlace
}

/** A transition that ownership does not allow, in words: who owns, what lies there, and the way on. */
export function refusal(step: Refusal, context: RefusalContext): Problem {
  return new Problem({
    ...explain(step, context),
    doing: `taking ownership of ${context.instance} in replica ${context.place.data.name}`,
    host: context.host,
    app: context.app.name,
  })
}

type Explanation = Pick<ProblemDetails, 'code' | 'found' | 'next' | 'exit'>

function explain(step: Refusal, context: RefusalContext): Explanation {
  const app = context.app.name
  const { host } = context
  if (step.kind === 'replica-not-empty') return notEmpty(step.keys, context)
  if (step.kind === 'database-was-here') return wasHere(step.below, context)
  if (step.kind === 'claimed-elsewhere') return claimedElsewhere(context)
  if (step.kind === 'held-by-another-host') return heldElsewhere(step.holder, context)
  if (step.kind === 'held-as-one')
    return {
      code: step.kind,
      found:
        `the data of ${app} lie under ${instancePrefix(context.place.data, app)}, as those of one host, and ${step.holder.host} holds them: ` +
        'host: was changed to hosts:, and here it would be started empty',
      next:
        `write host: ${step.holder.host} into the inventory again, and give the app that is to run on several hosts another name; ` +
        `or take ${app} out of the inventory first, and have it let go of there (streamside provision --prune)`,
      exit: exitCodes.unsound,
    }
  if (isRename(step)) return renameRefused(step, context)
  if (isTakeOver(step)) return takeOverRefused(step, context)
  if (step.kind === 'released')
    return {
      code: 'released',
      found:
        'its last holder has let go of it (a move under way, or the app was removed once), and nobody holds it now',
      next:
        `bring its data here: streamside restore ${host}; or finish the move: streamside move ${app} --to ${host}. ` +
        'When what lies here is newer and is to be gone on with (a service that was given back): another name in the inventory begins a new replica',
    }
  if (step.kind === 'import-owned')
    return {
      code: step.kind,
      found: `it has an owner object already (epoch ${step.epoch}, held by ${step.holder?.host ?? 'nobody'}): it was imported, or launched, before`,
      next: `streamside status says how it is; to have the other data all the same, give the app another name in the inventory`,
    }
  if (step.kind === 'anew-never-launched')
    return {
      code: step.kind,
      found: `the replica has nothing of it, and ${host} has never run it`,
      next: `run streamside provision: it starts ${app} for the first time, on the database that lies there if there is one`,
    }
  if (step.kind === 'anew-not-holder')
    return {
      code: step.kind,
      found:
        step.holder === null
          ? 'its last holder has let go of it, and what it held is in the replica'
          : `${step.holder.host}, machine ${step.holder.id.slice(0, 12)}…, holds it, and its data are in the replica`,
      next: `bring those here: streamside restore ${host}; files of it that lie here are kept in .streamside-aside with --discard-local`,
    }
  if (step.kind === 'identity-clash')
    return {
      code: 'identity-clash',
      found: `the app’s user has uid ${context.uid} and gid ${context.gid} on ${host}, the owner object says ${step.uid} and ${step.gid}`,
      next:
        (context.app.service ?? null) === null
          ? `give user and group ${app} on ${host} the numbers ${step.uid} and ${step.gid} again (usermod -u, groupmod -g, chown -R of /var/lib/${app}) and run this again`
          : `stop ${context.app.service?.unit} on ${host}, give the user of its databases and its group the numbers ${step.uid} and ${step.gid} again (usermod -u, groupmod -g; whoever has them there gets others), chown -R what was theirs, and run this again`,
    }
  return {
    code: 'restore-under-way',
    found: `${step.dropped.join(', ')} left the inventory while ${host} is restoring the app’s databases`,
    next: 'run this again when the app has started',
  }
}

type RenameRefusal = Extract<Refusal, { kind: `rename-${string}` }>

function isRename(step: Refusal): step is RenameRefusal {
  return step.kind.startsWith('rename-')
}

function isTakeOver(step: Refusal): step is TakeOverRefusal {
  return step.kind.startsWith('restore-') && step.kind !== 'restore-under-way'
}

function renameRefused(step: RenameRefusal, { app, host, earlier, instance, place }: RefusalContext): Explanation {
  const was = earlier?.name ?? app.was ?? ''
  const code = step.kind
  switch (step.kind) {
    case 'rename-lost':
      return {
        code,
        found: `${host} has run ${was} with its data in the replica, and there is no owner object of ${was} there`,
        next: `call it ${was} again in the inventory: provision then says what is missing and what to do; rename it after that`,
        exit: exitCodes.unsound,
      }
    case 'rename-taken':
      return {
        code,
        found: `${instancePrefix(place.data, instance)} in replica ${place.data.name} has data of its own, which are not the past of ${was} on ${host}`,
        next: `give ${was} another new name in the inventory`,
      }
    case 'rename-not-here':
      return {
        code,
        found: `was: ${was} says that it takes over the data of ${was}, and those on ${host} are not the newest of it`,
        next: `call it ${was} again in the inventory, and bring its data to ${host} under that name (streamside restore ${host}); rename it after that`,
      }
    case 'rename-not-released':
      return {
        code,
        found: `${host} has not let go of ${was} yet, so it is not proven that all of its data are in the replica`,
        next: 'run this again: it goes on from what is done',
      }
    case 'rename-databases':
      return {
        code,
        found: `${was} has the databases ${step.dropped.join(', ')}, which ${app.name} has not`,
        next: `give ${app.name} the databases of ${was} under their names; change them once it has started`,
      }
  }
}

function claimedElsewhere({ app, host, place, instance }: RefusalContext): Explanation {
  const { keeper } = place
  // `host:` and `hosts:` name one app's data differently: NAME, or NAME@HOST for a database on each host (instanceName).
  const under = instance === app.name ? `${app.name}@${host}` : app.name
  const turned =
    instance === app.name
      ? `hosts: was changed to host: (its data lay under ${under}, and ${instance} is looked for)`
      : `host: was changed to hosts: (its data lay under ${under}, and ${instance} is looked for)`
  return {
    code: 'claimed-elsewhere',
    found:
      `there is no owner object of it below ${instancePrefix(keeper, instance)} in ${placeText(keeper)}, ` +
      `but ${host} holds its data: ${turned}, its replica was changed in the inventory, or the bucket has lost the object`,
    next:
      'write the earlier host: or hosts:, endpoint:, bucket:, prefix: and ownership: into the inventory again; if the bucket has lost it, ' +
      `put the object back, or begin anew from the files on ${host}: streamside provision --new-history ${app.name}`,
    exit: exitCodes.unsound,
  }
}

function placeText(replica: Replica): string {
  return replica.type === 'file' ? replica.path : `bucket ${replica.bucket} at ${replica.endpoint}`
}

function notEmpty(keys: string[], { app, place, instance }: RefusalContext): Explanation {
  const more = keys.length >= 5 ? ' …' : ''
  return {
    code: 'replica-not-empty',
    found:
      `there is no owner object, but ${instancePrefix(place.data, instance)} is not empty: ${keys.join(', ')}${more}. ` +
      'An empty database must not be started over data',
    next:
      `if these are ${app.name}’s data, take them over (streamside import ${app.name}); if not, choose another prefix: ` +
      `for replica ${place.data.name}, or move them away yourself`,
    exit: exitCodes.unsound,
  }
}

function wasHere(below: string[], { app, host, place }: RefusalContext): Explanation {
  return {
    code: 'database-was-here',
    found:
      `replica ${place.data.name} holds an earlier database of this name (${below.join(', ')}), which was taken out of the inventory once: ` +
      `a file on ${host} is newer than that, or another history, and ${app.name} would be started with the earlier one`,
    next:
      `give the database another name under databases: of ${app.name}: a new name makes a new history, from the file that is there. ` +
      'What the replica holds under the earlier name stays',
    exit: exitCodes.unsound,
  }
}

function heldElsewhere(holder: Holder, { app, host, inventory }: RefusalContext): Explanation {
  const code = 'held-by-another-host'
  // A new card or board under the old name: same inventory, another machine (the id is made from both).
  if (holder.host === host)
    return {
      code,
      found: `it is held by another machine that was called ${host} too (id ${holder.id.slice(0, 12)}…): its card or board was replaced`,
      next: `bring the data to this machine: streamside restore ${host}`,
    }
  const move = `streamside move ${app.name} --to ${host}`
  return {
    code,
    found: `it is held by ${holder.host}`,
    // What a host of the inventory holds is never taken over by a restore: it may be alive.
    next: Object.hasOwn(inventory.hosts, holder.host)
      ? `move it: ${move}; or, if ${holder.host} is dead: ${move} --force`
      : `the inventory has no ${holder.host}: if it is dead, or another name of this machine: streamside restore ${host}; if it is not: ${move}`,
  }
}
