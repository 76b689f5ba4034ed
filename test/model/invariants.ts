import type { Owner } from '../../src/replica/owner.ts'
import { chain } from './bucket.ts'
import { content, sameRows, type Ltx, type Rows } from './disk.ts'
import { missing } from './ledger.ts'
import { bucketFor, cardOf, dbsOf, filesOf, idOf, nameOf, ownerNow, say, type Host, type World } from './world.ts'

/** The invariants of ownership.md, judged at the moment at which they could break. */
export function violated(world: World, what: string): void {
  say(world, `VIOLATION ${what}`)
  world.ledger.violations.push(what)
}

/** A path is made by one claim, ever. */
export function ownerWasWritten(world: World, owner: Owner, previous: Owner | null): void {
  const { madeBy, holderOf } = world.ledger
  const id = owner.holder?.id ?? ''
  if (!madeBy.has(owner.path)) {
    madeBy.set(owner.path, owner.write)
    holderOf.set(owner.path, id)
  } else if (previous?.path !== owner.path && madeBy.get(owner.path) !== owner.write) {
    violated(world, `path ${owner.path} was made twice: it was the truth before, and a claim made it again`)
  }
  if (previous && owner.epoch < previous.epoch)
    violated(world, `a write took the owner object back from epoch ${previous.epoch} to ${owner.epoch}`)
}

/** Invariant 2: uploads under a path come from the one machine that it was made for. */
export function uploaded(world: World, host: Host, path: string, db: string, ltx: Ltx): void {
  const { writers, holderOf } = world.ledger
  const boards = writers.get(path) ?? new Set()
  writers.set(path, boards.add(host.board))
  if (boards.size > 1) violated(world, `boards ${[...boards].join(' and ')} upload under ${path}`)
  if (host.card && holderOf.get(path) !== idOf(world, host))
    violated(world, `board ${host.board} uploads under ${path}, which was made for another machine`)
  const proof = world.ledger.proofs.get(`${path}/${db}`)
  if (ownerNow(world, nameOf(host))?.path !== path || !proof || proof.txid >= ltx.txid || beyondKnowledge(world)) return
  const covered = new Set(proof.rows)
  const lost = missing(world.ledger, db, ltx.rows).filter((row) => covered.has(row))
  if (lost.length > 0)
    violated(
      world,
      `upload ${ltx.txid} to ${path}/${db} is without rows ${lost.join(' ')}, which a proof at ${proof.txid} had covered: a stale database wins`,
    )
}

/** An owner object of before the first proof, and the objects gone too: nothing tells of what was there. */
export function beyondKnowledge(world: World): boolean {
  return world.ledger.faults.has('owner-rollback') && world.ledger.faults.has('objects-lost')
}

/** Invariants 1 and 3, whenever a gate lets the app through after it has read the owner object. */
export function appStarts(world: World, host: Host, offline: boolean): void {
  world.ledger.starts += 1
  const owner = ownerNow(world, nameOf(host))
  const { claim } = cardOf(host).state
  if (!claim) return violated(world, `the app starts on board ${host.board} without a claim`)
  for (const db of dbsOf(host)) {
    const rows = content(filesOf(host, db))
    if (filesOf(host, db).exists) {
      continuation(world, host, claim.path, db, rows)
      world.ledger.servedUnder.set(filesOf(host, db).inode, claim.path)
    }
    // Cut off, it may run on what it knows; what it does later is judged when it uploads.
    if (beyondKnowledge(world)) continue
    if (offline || owner?.path !== claim.path || owner.holder?.id !== idOf(world, host)) continue
    const lost = missing(world.ledger, db, rows)
    if (lost.length > 0)
      violated(
        world,
        `the app starts on board ${host.board} without rows ${lost.join(' ')} of ${db}, which a proof had covered`,
      )
  }
}

/** Invariant 3: what the path began with, and on top of it what the app wrote here under this claim. */
function continuation(world: World, host: Host, path: string, db: string, rows: Rows): void {
  const key = `${path}/${db}`
  const begin = rows.filter((row) => world.ledger.writtenUnder.get(row) !== path)
  const baseline = world.ledger.baseline.get(key)
  if (baseline === undefined) world.ledger.baseline.set(key, begin)
  else if (!sameRows(baseline, begin))
    violated(
      world,
      `the app starts on board ${host.board} on rows of ${key} that are no continuation of what the path began with`,
    )
}

/** Invariant 1: what is put aside by itself holds nothing that a proof had covered and the restored copy lacks. */
export function filesReplaced(world: World, db: string, old: Rows, fresh: Rows): void {
  const there = new Set(old)
  const lost = missing(world.ledger, db, fresh, true).filter((row) => there.has(row))
  if (lost.length > 0 && !world.ledger.splitTold)
    violated(world, `rows ${lost.join(' ')} of ${db}, which a proof had covered, were put aside without a word`)
}

/**
 * Invariant 1 for what no proof could cover: a database that nothing restores is not taken from the app that goes on from the
 * same path. A host that has forgotten what its files belong to may only keep them aside.
 */
export function onlyCopyTaken(world: World, host: Host, db: string, paths: readonly string[]): void {
  const files = filesOf(host, db)
  const served = world.ledger.servedUnder.get(files.inode)
  if (served === undefined || !paths.includes(served) || cardOf(host).state.claim === null) return
  if (content(files).length > 0)
    violated(world, `the only copy of ${db}, which had served under ${served}, was put aside on board ${host.board}`)
}

/** A refusal that tells of a fault needs one: a false alarm is a fault of ours. */
const causes: Record<string, readonly string[]> = {
  'rolled-back': ['rollback', 'owner-rollback'],
  split: [
    'rollback',
    'owner-rollback',
    'old-image',
    'clone',
    'files-back',
    'files-deleted',
    'state-wiped',
    'forced-claim',
    // a daemon's last upload, landing after its path had ended: nobody can know that its rows are here too
    'late',
  ],
  'replica-lost': ['objects-lost', 'rollback'],
  'chain-gap': ['objects-lost', 'rollback'],
  'chain-short': ['objects-lost', 'rollback', 'late'],
  'chain-broken': ['objects-lost', 'rollback', 'claim-lost'],
  'replica-short': ['objects-lost', 'rollback', 'claim-lost'],
  'owner-gone': ['rollback', 'owner-rollback'],
  'owner-garbage': [],
  'restore-repeated': [],
  'data-elsewhere': ['new-history', 'rollback', 'owner-rollback'],
  'local-behind': ['new-history', 'old-image', 'files-back', 'files-deleted'],
  'files-of-another-path': ['forced-claim', 'old-image', 'clone', 'rollback', 'owner-rollback', 'objects-lost'],
  released: ['rename'],
  'from-another-replica': [],
}

export function told(world: World, host: Host, code: string, text: string): void {
  if (code === 'split') world.ledger.splitTold = true
  const accepted = causes[code]
  // What is only in the replica, under the earlier name: the way back is to call it that again.
  if (code === 'local-behind' && world.ephemeral && world.renames) return
  if (accepted && !accepted.some((fault) => world.ledger.faults.has(fault)))
    violated(world, `board ${host.board} says ${code} (${text}), and nothing of that kind has happened`)
}

/** What was rescued at a stop is given up only when it is somewhere else. */
export function rescueDropped(world: World, host: Host): void {
  const { rescue, claim } = cardOf(host).state
  for (const [db, kept] of Object.entries(rescue ?? {})) {
    const there = new Set([
      ...content(filesOf(host, db)),
      ...(chain(bucketFor(world, host), claim?.path ?? '', db).at(-1)?.rows ?? []),
    ])
    const lost = content(kept).filter((row) => !there.has(row))
    if (lost.length > 0)
      violated(
        world,
        `rows ${lost.join(' ')} of ${db} were rescued on board ${host.board}, and the rescue was removed before they were back`,
      )
  }
  cardOf(host).state.rescue = null
}
