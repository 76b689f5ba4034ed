import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { caseId, casesOf, type Fault, onDisk } from '../../campaign/cases.ts'
import { readProgress, writeProgress } from '../../campaign/state.ts'

const boundary = (id: string) => ({ id, host: 'one', afterMs: 0 })
const boundaries = ['run:upload', 'apply:files.began', 'apply:reload.began', 'apply:end'].map(boundary)
const ids = (seed: number, of = boundaries) => casesOf(seed, 'job', of).map(caseId)

test('each boundary meets each fault, once: where the replica is on a disk, that is pulled out, else its server freezes', () => {
  const met = (befalling?: readonly Fault[]) =>
    boundaries.map(({ id }) =>
      casesOf(7, 'job', boundaries, befalling)
        .filter((each) => each.boundary.id === id)
        .map(({ fault }) => fault)
        .sort(),
    )
  const both = ['cut-connection', 'kill-orchestrator', 'power-cut']
  expect(met()).toEqual(boundaries.map(() => [...both, 'freeze-s3'].sort()))
  expect(met(onDisk)).toEqual(boundaries.map(() => [...both, 'pull-disk'].sort()))
})

test('the same seed gives the same order, another seed another one', () => {
  expect(ids(7)).toEqual(ids(7))
  expect(ids(8)).not.toEqual(ids(7))
  expect(ids(8).toSorted()).toEqual(ids(7).toSorted())
})

test('a boundary more leaves the order of the others as it was', () => {
  const more = ids(7, [...boundaries, boundary('apply:packages.began')])
  expect(more.filter((id) => !id.includes('packages'))).toEqual(ids(7))
})

test('progress is there again after a kill, of each seed by itself', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'streamside-campaign-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  expect(await readProgress(folder, 7)).toEqual({ seed: 7, done: {} })
  const verdict = { outcome: 'ok', seconds: 3, runs: 1, violations: [] } as const
  await writeProgress(folder, { seed: 7, done: { 'job run:upload power-cut': { ...verdict, violations: [] } } })
  expect(Object.keys((await readProgress(folder, 7)).done)).toEqual(['job run:upload power-cut'])
  expect(await readProgress(folder, 8)).toEqual({ seed: 8, done: {} })
  await writeFile(path.join(folder, 'seed-9.json'), '{"seed": 9, "do')
  await expect(readProgress(folder, 9)).rejects.toThrow(SyntaxError)
})
