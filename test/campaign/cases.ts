import { createHash } from 'node:crypto'
import type { Boundary } from './boundaries.ts'

/** What can befall a run. */
export const faults = ['cut-connection', 'kill-orchestrator', 'power-cut', 'freeze-s3', 'pull-disk'] as const
export type Fault = (typeof faults)[number]

/** What can befall a job whose replica is in a bucket, and one whose replica is on a disk. */
export const onBucket: readonly Fault[] = faults.filter((fault) => fault !== 'pull-disk')
export const onDisk: readonly Fault[] = faults.filter((fault) => fault !== 'freeze-s3')

/** One job, disturbed once. */
export interface Case {
  job: string
  boundary: Boundary
  fault: Fault
}

/** Names a case over runs and machines. */
export const caseId = ({ job, boundary, fault }: Case): string => `${job} ${boundary.id} ${fault}`

/** In [0, 1), the same for the same seed and words on each machine. */
export function chance(seed: number, ...words: string[]): number {
  const hash = createHash('sha256').update([seed, ...words].join('\n'))
  return hash.digest().readUInt32BE(0) / 2 ** 32
}

/**
 * Each boundary with each fault, in the order of the seed. A boundary more or less (a machine that is quicker has less in
 * between) leaves the order of the others as it was: so a resumed campaign goes on with what is left of the same one.
 */
export function casesOf(
  seed: number,
  job: string,
  boundaries: readonly Boundary[],
  befalling: readonly Fault[] = onBucket,
): Case[] {
  return boundaries
    .flatMap((boundary) => befalling.map((fault) => ({ job, boundary, fault })))
    .map((each) => ({ each, place: chance(seed, 'order', caseId(each)) }))
    .sort((a, b) => a.place - b.place)
    .map(({ each }) => each)
}

/** Seconds that the S3 server is frozen, or the disk away: mostly shorter than what its clients wait, now and then longer. */
export const awaySeconds = (seed: number, each: Case): number => (chance(seed, 'freeze', caseId(each)) < 0.75 ? 4 : 20)
