import type { BigIntStats } from 'node:fs'
import { z } from 'zod'
import { readRecord, writeWhole } from './cache.ts'
import type { SeenFiles } from './read-directory.ts'
import type { ReleaseEntry } from './release-entry.ts'
import { signatureHolds, statSignature } from './stat-signature.ts'

/**
 * What an earlier run found out about a source, so that an unchanged one is not read again. Lost or unreadable: everything
 * is read once more. The format carries a number: a record of another format is not understood, and so ignored.
 */
const format = 1

const fileEntry = z.strictObject({
  type: z.literal('file'),
  path: z.string(),
  mode: z.enum(['0755', '0644']),
  size: z.number(),
  sha256: z.string(),
  machine: z.number().nullable(),
})
const archiveMemory = z.strictObject({
  format: z.literal(format),
  signature: z.string(),
  entries: z.array(
    z.discriminatedUnion('type', [
      fileEntry,
      z.strictObject({ type: z.literal('directory'), path: z.string() }),
      z.strictObject({ type: z.literal('link'), path: z.string(), target: z.string() }),
    ]),
  ),
})
const folderMemory = z.strictObject({
  format: z.literal(format),
  files: z.array(z.tuple([z.string(), z.string(), z.string(), z.number(), z.number().nullable(), z.boolean()])),
})

export async function recallFiles(path: string): Promise<SeenFiles> {
  const record = folderMemory.safeParse(await readRecord(path))
  if (!record.success) return new Map()
  return new Map(
    record.data.files.map(([name, signature, sha256, size, machine, script]) => [
      name,
      { signature, digest: { sha256, size, machine, script } },
    ]),
  )
}

export async function rememberFiles(path: string, seen: SeenFiles): Promise<void> {
  const files = [...seen].map(([name, { signature, digest }]) => [
    name,
    signature,
    digest.sha256,
    digest.size,
    digest.machine,
    digest.script,
  ])
  await writeWhole(path, JSON.stringify({ format, files }))
}

/** The entries of an archive (or single file) that has not changed since, or null. */
export async function recallRelease(path: string, stats: BigIntStats): Promise<ReleaseEntry[] | null> {
  const record = archiveMemory.safeParse(await readRecord(path))
  return record.success && record.data.signature === statSignature(stats) ? record.data.entries : null
}

/** `began`: when reading began, nanoseconds since the epoch; a file changed just before is not remembered. */
export async function rememberRelease(
  path: string,
  stats: BigIntStats,
  began: bigint,
  entries: ReleaseEntry[],
): Promise<void> {
  if (signatureHolds(stats, began))
    await writeWhole(path, JSON.stringify({ format, signature: statSignature(stats), entries }))
}
