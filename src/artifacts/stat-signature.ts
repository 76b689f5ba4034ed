import type { BigIntStats } from 'node:fs'

/**
 * What tells that a file has not been touched since its content was hashed: size, mtime and ctime in nanoseconds, inode
 * and mode. ctime cannot be set back by a program that keeps mtime (`cp -p`, `rsync -t`).
 */
export function statSignature(stats: BigIntStats): string {
  return [stats.size, stats.mtimeNs, stats.ctimeNs, stats.ino, stats.mode].join(' ')
}

/** Two seconds, the coarsest file time in use (FAT). */
const racyNs = 2_000_000_000n

/**
 * A file changed within the last two seconds before it was hashed may change again without its times moving, so its
 * signature says nothing: what git calls racily clean. `hashedAt`: when hashing began, in nanoseconds since the epoch.
 */
export function signatureHolds(stats: BigIntStats, hashedAt: bigint): boolean {
  return stats.mtimeNs + racyNs <= hashedAt && stats.ctimeNs + racyNs <= hashedAt
}
