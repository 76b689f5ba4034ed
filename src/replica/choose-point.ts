import { type App, instanceName, type Inventory } from '../inventory/model.ts'
import { exitCodes, Problem } from '../problem.ts'
import { openDirectly } from './open.ts'
import { databaseKey, type Owner } from './owner.ts'
import { ownerPlace } from './place.ts'
import { endsOf, isWhole, type LtxFile, ltxFile, type Point, pointAfter, pointBefore } from './points.ts'
import type { DataStore, OpenStore } from './store.ts'
import { sourceOf } from './take-over.ts'

/** What people ask to go back to: a time (milliseconds since the epoch), or a transaction of one database. */
export type WantedPoint = { time: number } | { txid: string; database: string | null }

/** A point of an app: what each of its databases is restored to. */
export interface ChosenPoint {
  path: string
  /** By database; `latest` for those that are not gone back. */
  dbs: Record<string, string>
  /** What that comes to, and what would come next. */
  points: { name: string; point: Point; next: Point | null }[]
  /** By path: how far its databases go. What is beyond the point was seen when it was chosen, and is no second history. */
  ends: Record<string, Record<string, string>>
}

/** Objects of one database that are listed at most: some hundred requests. */
const mostObjects = 100_000

type Files = ReadonlyMap<string, LtxFile[]>

/**
 * Looks for the point in what the replica holds of an app: under the path that counts, and for a time before it under those that it
 * came from. Names and times alone: whether its objects are whole, the host's gate finds out, which restores and checks them before
 * it touches a file.
 * @throws Problem `restore-point-none`, `restore-point-gone`, `restore-point-unclear`, `replica-*`
 */
export async function choosePoint(
  of: { inventory: Inventory; app: App; host: string; open?: OpenStore },
  owner: Owner,
  wanted: WantedPoint,
): Promise<ChosenPoint> {
  const { inventory, app, host, open = openDirectly } = of
  const { data } = ownerPlace(inventory, app)
  const store = await open(data)
  const listed = new Map<string, Files>()
  const list = async (path: string): Promise<Files> => {
    const known = listed.get(path)
    if (known) return known
    const files = await filesUnder(store, (name) => databaseKey(data, instanceName(app, host), path, name), of)
    listed.set(path, files)
    return files
  }
  try {
    const chosen = 'time' in wanted ? await atTime(of, owner, wanted.time, list) : await atTxid(of, owner, wanted, list)
    const ends: ChosenPoint['ends'] = {}
    for (const path of new Set([chosen.path, sourceOf(owner), owner.path]))
      ends[path] = Object.fromEntries(
        [...(await list(path))].map(([name, files]) => [name, endsOf(files).at(-1)?.txid ?? '0'.repeat(16)]),
      )
    return { ...chosen, ends }
  } finally {
    store.close()
  }
}

type Of = { app: App; host: string }
type Found = Omit<ChosenPoint, 'ends'>

async function atTime(of: Of, owner: Owner, time: number, list: (path: string) => Promise<Files>): Promise<Found> {
  const newest = await list(sourceOf(owner))
  const names = Object.keys(of.app.databases).filter((name) => owner.dbs[name]?.init === true || newest.has(name))
  let earliest: { name: string; point: Point } | null = null
  for (const path of pathsOf(owner)) {
    const files = await list(path)
    const end = owner.past.findLast((entry) => entry.path === path)?.end ?? {}
    const found = names.map((name) => ({ name, point: pointBefore(files.get(name) ?? [], time, end[name] ?? null) }))
    const points = found.flatMap(({ name, point }) =>
      point ? [{ name, point, next: pointAfter(files.get(name) ?? [], point.txid, end[name] ?? null) }] : [],
    )
    if (points.length > 0 && points.length === names.length)
      return { path, dbs: Object.fromEntries(points.map(({ name, point }) => [name, point.txid])), points }
    for (const { name, point } of found) {
      const first = point
        ? null
        : endsOf(files.get(name) ?? []).find(({ txid }) => isWhole(files.get(name) ?? [], txid))
      if (first && (earliest === null || first.at < earliest.point.at)) earliest = { name, point: first }
    }
  }
  throw new Problem({
    code: 'restore-point-none',
    doing: `looking for ${of.app.name} as it was at ${utc(time)}`,
    found:
      earliest === null
        ? 'the replica holds no point that can be restored to'
        : `the replica goes back to ${utc(earliest.point.at)} (${earliest.name}: transaction ${short(earliest.point.txid)})`,
    next:
      earliest === null
        ? 'nothing was changed; streamside status shows what the replica holds of it, and where'
        : 'nothing was changed; ask for a later time',
    host: of.host,
    app: of.app.name,
  })
}

async function atTxid(
  of: Of,
  owner: Owner,
  { txid, database }: { txid: string; database: string | null },
  list: (path: string) => Promise<Files>,
): Promise<Found> {
  const path = sourceOf(owner)
  const files = await list(path)
  const names = Object.keys(of.app.databases)
  const doing = `looking for transaction ${short(txid)} of ${of.app.name}`
  const about = { doing, host: of.host, app: of.app.name }
  const name = database ?? (names.length === 1 ? names[0] : undefined)
  if (name === undefined || !names.includes(name))
    throw new Problem({
      ...about,
      code: 'restore-point-unclear',
      found: name === undefined ? `it has ${names.length} databases` : `it has no database ${name}`,
      next: `name one of them: --txid ${names.map((each) => `${each}=${short(txid)}`).join(', or --txid ')}`,
      exit: exitCodes.usage,
    })
  const own = files.get(name) ?? []
  const point = endsOf(own).find((each) => each.txid === txid)
  if (point && isWhole(own, txid)) {
    const others = names.filter((each) => each !== name && files.has(each))
    return {
      path,
      dbs: { ...Object.fromEntries(others.map((each) => [each, 'latest'])), [name]: txid },
      points: [{ name, point, next: pointAfter(own, txid) }],
    }
  }
  const near = [
    endsOf(own).findLast((each) => each.txid < txid && isWhole(own, each.txid)) ?? null,
    pointAfter(own, txid),
  ].filter((each) => each !== null)
  throw new Problem({
    ...about,
    code: 'restore-point-gone',
    found: `${name} cannot be restored to that under ${path}: it has been merged with others, is behind a gap, or never was`,
    next:
      near.length === 0
        ? 'nothing was changed; no other point can be had there either'
        : `nothing was changed; the nearest that can be had: ${near.map((each) => `--txid ${short(each.txid)} (${utc(each.at)})`).join(', ')}`,
  })
}

/** The path that counts, and those before it, newest first. */
function pathsOf(owner: Owner): string[] {
  return [...new Set([sourceOf(owner), ...owner.past.map(({ path }) => path).toReversed()])]
}

async function filesUnder(
  store: DataStore,
  keyOf: (name: string) => string,
  { app, host }: Of,
): Promise<ReadonlyMap<string, LtxFile[]>> {
  const found = new Map<string, LtxFile[]>()
  for (const name of Object.keys(app.databases)) {
    const objects = await store.written(`${keyOf(name)}/`, mostObjects)
    if (objects === null)
      throw new Problem({
        code: 'restore-point-unclear',
        doing: `looking for points of ${app.name} in ${store.where}`,
        found: `there are more than ${mostObjects} objects of ${name}`,
        next: 'nothing was changed; see why Litestream has merged and removed none of them (journalctl -u litestream)',
        host,
        app: app.name,
      })
    const files = objects.flatMap((object) => ltxFile(object) ?? [])
    if (files.length > 0) found.set(name, files)
  }
  return found
}

const utc = (at: number): string => `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`

/** As `litestream ltx` prints it, without the zeros that nobody reads. */
const short = (txid: string): string => txid.replace(/^0+(?=.)/, '')
