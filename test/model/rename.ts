import { gateConfigPath } from '../../src/desired/places.ts'
import type { Observed } from '../../src/host/observed.ts'
import type { FileReplica, Inventory } from '../../src/inventory/model.ts'
import { afterRenames } from '../../src/plan/after-renames.ts'
import { planHost } from '../../src/plan/plan.ts'
import { Problem } from '../../src/problem.ts'
import type { EnsureOwner } from '../../src/replica/ensure.ts'
import type { RunContext } from '../../src/rollout/context.ts'
import type { Looked } from '../../src/rollout/look.ts'
import { ownerRequests } from '../../src/rollout/owners.ts'
import { app } from '../unit/inventory/made.ts'
import { asWanted, emptyFile, hostState } from '../unit/plan/hosts.ts'
import { ensured } from './ensured.ts'
import { begin } from './transaction.ts'
import { cardOf, idOf, say, type Named, type Program, type Run } from './world.ts'

const account = { uid: 900, gid: 900, home: '/var/lib/x', shell: '/usr/sbin/nologin' }
const replica: FileReplica = {
  type: 'file',
  name: 'lab',
  path: '/lab',
  prefix: '',
  mount: null,
  ownership: 'conditional',
} as unknown as FileReplica

/**
 * `provision` by an operator whose inventory calls the app so: look, plan, transaction, owner object, by the product's own planning
 * (src/plan) and src/rollout/owners.ts. src/rollout/host-provision.ts is the order of the steps.
 */
export function* provisionAs(run: Run, named: Named): Program {
  const { world, host } = run
  for (let pass = 0; pass < 2; pass++) {
    yield 'operator looks at the host'
    if (!host.up || !host.card) return
    // With a name that nothing has yet, an empty host is given another app.
    const isOwned = Object.values(world.buckets).some(({ owner }) => owner !== null)
    const isTheApp = isOwned ? [named.name, named.was].includes(world.newest) : host === world.hosts[0]
    if (host.card.manifest === null && !isTheApp) return
    const looked = look(run, named)
    if (looked instanceof Problem) return say(world, `operator (${named.name}): ${looked.code}: ${looked.message}`)
    // Nobody told what becomes of the app that is there: it stays, and no second one is made beside it here.
    if (looked.plan.leaving.length > 0) return say(world, `operator (${named.name}): app-left`)
    const requests = requestsOf(run, looked)
    const under = host.transaction
    if (under && world.operators.some((task) => task.run === under.by)) return say(world, 'operator: locked')
    const seen = yield* owned(run, requests, 'probe')
    if (seen === false) return
    const transaction = under ?? begin(run, looked)
    if (transaction === null) return say(world, 'operator: locked')
    while (!transaction.laid && transaction.status === null && host.transaction === transaction)
      yield 'operator follows the transaction'
    if (
      transaction.laid &&
      (yield* owned(
        run,
        requests.map((request) => ({ ...request, seen })),
      )) === false
    )
      return
    if (!under) return
    while (host.transaction === under) yield 'operator follows the transaction of somebody else'
  }
}

function requestsOf({ world }: Run, looked: Looked): EnsureOwner[] {
  const inventory = { replicas: { lab: replica }, hosts: { pi1: {}, pi2: {} } } as unknown as Inventory
  const buckets = { openFor: () => undefined, probed: {} }
  const requests = ownerRequests({ inventory, buckets } as unknown as RunContext, looked.state.host, looked)
  if (world.ablation !== 'comes-back-by-record') return requests
  return requests.map((request) => ({
    ...request,
    earlier: request.earlier ? { ...request.earlier, comesBack: true } : null,
  }))
}

/** The path of the owner object that was found, null = there was none; false after a refusal. */
function* owned(run: Run, requests: readonly EnsureOwner[], dryRun?: 'probe'): Program<string | null | false> {
  let found: string | null = null
  for (const request of requests) {
    const { open: _, ...asked } = request
    const made = yield* ensured(run, dryRun === undefined ? asked : { ...asked, dryRun })
    if (made instanceof Problem) {
      say(run.world, `operator (${request.app.name}): ${made.code}: ${made.message}`)
      return false
    }
    say(run.world, `operator (${request.app.name}): ${dryRun ?? ''} ${made.outcome}`)
    found = made.found
  }
  return found
}

/** What a probe brings and what is planned from it; the Problem that a plan ends with. */
function look({ world, host }: Run, { name, was }: Named): Looked | Problem {
  const card = cardOf(host)
  const me = idOf(world, host)
  const databases = Object.fromEntries(world.dbs.map((db) => [db, `/var/lib/${name}/${db}`]))
  const wanted = { ...app(name, { was, databases, replica: 'lab' }), hosts: [host.name] }
  const made = hostState([wanted], [emptyFile(gateConfigPath(name))])
  const state = {
    ...made,
    host: { ...made.host, name: host.name },
    accounts: new Map([[name, { user: name, group: name, ...account }]]),
  } as unknown as Looked['state']
  const states = {
    ...Object.fromEntries(Object.entries(card.others).map(([of, each]) => [of, each.state])),
    [card.name]: card.state,
  }
  const seen: Observed = {
    ...asWanted(state),
    hostId: me,
    manifest: card.manifest,
    users: new Map(card.manifest === null ? [] : [[card.bearer, account]]),
    apps: new Map(
      Object.entries(states).map(([of, { claim }]) => [
        of,
        { claimed: claim !== null, claimPath: claim?.id === me ? claim.path : null, reason: null, releases: [] },
      ]),
    ),
  }
  try {
    const observed = afterRenames(seen, [wanted], host.name)
    return { observed, state, plan: planHost(state, observed), clockOffset: 0 }
  } catch (error) {
    if (error instanceof Problem) return error
    throw error
  }
}
