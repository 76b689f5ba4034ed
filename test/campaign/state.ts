import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Violation } from './invariants.ts'

/** What became of a case. `missed`: the run ended without coming to the boundary, so nothing was done to it. */
export interface Verdict {
  outcome: 'ok' | 'violated' | 'missed'
  seconds: number
  /** Runs that it took after the disturbed one until one ended well. */
  runs: number
  violations: Violation[]
}

/** What a campaign has done so far, by the id of the case; on disk after each, so that a killed campaign goes on. */
export interface Progress {
  seed: number
  done: Record<string, Verdict>
}

const fileOf = (folder: string, seed: number): string => path.join(folder, `seed-${seed}.json`)

/**
 * Progress of a seed as an earlier campaign left it, or a fresh one.
 * @throws SyntaxError when the file is there and is no JSON: better than trying everything again without a word
 */
export async function readProgress(folder: string, seed: number): Promise<Progress> {
  try {
    return JSON.parse(await readFile(fileOf(folder, seed), 'utf8')) as Progress
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { seed, done: {} }
    throw error
  }
}

export async function writeProgress(folder: string, progress: Progress): Promise<void> {
  await mkdir(folder, { recursive: true })
  const file = fileOf(folder, progress.seed)
  await writeFile(`${file}.new`, JSON.stringify(progress, null, 2))
  await rename(`${file}.new`, file)
}
