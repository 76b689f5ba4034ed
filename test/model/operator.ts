import { formatOwner, parseOwner, type Owner } from '../../src/replica/owner.ts'
import { create, setDatabases } from '../../src/replica/transitions.ts'
import type { Bucket, Condition } from './bucket.ts'
import { gateConfigPath } from '../../src/desired/places.ts'
import { landOwner, send } from './requests.ts'
import { app, bucketFor, bucketOf, idOf, nameOf, say, type Host, type Program, type Run, type World } from './world.ts'

/** What people's machines do: src/replica/ensure.ts around the product's own pure transitions. */
export function operate(world: World, host: Host, name: string, program: (run: Run) => Program): void {
  const run: Run = { name, host, world, began: world.now, gone: false }
  world.operators.push({ run, steps: program(run), fresh: true })
}

/** `provision`: CREATE or DBS, and the configuration on the host, which is then wanted up. */
export function* provision(run: Run): Program {
  const { world, host } = run
  const dbs = world.dbs
  const first = world.random.chance(0.5)
  if (first) configure(run, dbs)
  for (let round = 0; round < 5; round++) {
    yield 'operator reads owner.json'
    const bucket = bucketFor(world, host)
    const found = bucket.owner && { etag: bucket.owner.etag, owner: parseOwner(bucket.owner.body, 'owner.json') }
    if (!host.card) return
    const wish = { holder: { host: host.name, id: idOf(world, host) }, uid: 900, gid: 900, dbs, write: uuid(world) }
    yield 'operator lists the prefix'
    const step = found ? setDatabases(found.owner, wish) : create(keys(bucket), { ...wish, path: freshPath(world, 1) })
    if (step.kind === 'unchanged') break
    if (step.kind !== 'next') {
      say(world, `operator: ${step.kind}`)
      return
    }
    const done = yield* put(run, step.owner, found ? { etag: found.etag } : 'absent', !found)
    if (done === 'unknown') return
    if (done === 'done') break
  }
  if (!first) configure(run, dbs)
}

export function configure(run: Run, dbs: readonly string[]): void {
  const { host } = run
  if (!host.card || !host.up) return
  host.card.manifest ??= manifestOf(host.card.name)
  host.card.dbs = dbs
  host.wanted = true
}

function keys(bucket: Bucket): string[] {
  const chains = Object.entries(bucket.chains).filter(([, chain]) => chain.length > 0)
  return [
    ...chains.map(([key]) => `${app}/${key}`),
    ...Object.keys(bucket.tips).map((path) => `${app}/${path}/tip.json`),
  ]
}

export function uuid(world: World): string {
  world.counter += 1
  return `11111111-0000-4000-8000-${world.counter.toString(16).padStart(12, '0')}`
}

export function freshPath(world: World, epoch: number): string {
  return `e${String(epoch).padStart(4, '0')}-${world.ablation === 'random-suffix' ? '00000000' : world.random.hex(8)}`
}

/** src/replica/put.ts: the same request until the server says yes or "condition failed". */
export function* put(
  run: Run,
  next: Owner,
  condition: Condition,
  ownsPath: boolean,
): Program<'done' | 'lost' | 'unknown'> {
  const { world, host } = run
  const name = nameOf(host)
  for (let tries = 0; tries < 12; tries++) {
    yield 'operator PUTs owner.json'
    const answer = send(world, null, landOwner(world, name, formatOwner(next), condition))
    if (answer.curl === 0 && answer.http === 200) return 'done'
    if (answer.curl === 0 && answer.http === 412) {
      yield 'operator reads owner.json after 412'
      const { owner } = bucketOf(world, name)
      const current = owner && parseOwner(owner.body, 'owner.json')
      return current && (current.write === next.write || (ownsPath && current.path === next.path)) ? 'done' : 'lost'
    }
    world.now += 2
  }
  return 'unknown'
}

/** What apply.sh records on a host that has this app alone. */
function manifestOf(name: string): string {
  return JSON.stringify({
    v: 1,
    apps: [name],
    files: { [gateConfigPath(name)]: { as: 'root', app: name } },
    metrics: {},
  })
}
