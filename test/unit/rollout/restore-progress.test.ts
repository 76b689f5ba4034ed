import { expect, test } from 'vitest'
import { progressWords } from '../../../src/report/format-progress.ts'
import { parseJournalLine } from '../../../src/rollout/journal.ts'
import { restoreProgress } from '../../../src/rollout/restore-progress.ts'

const mega = 1024 * 1024
const said = (doing: string, bytes: number, whole: number | '-' = 100 * mega) => {
  const line = parseJournalLine(`progress\tnotes\tmain\t${doing}\t${bytes}\t${whole}`)
  if (line?.kind !== 'progress') throw new Error('no line of progress')
  return line
}
const words = (event: ReturnType<ReturnType<typeof restoreProgress>>) =>
  progressWords({ type: 'restore-progress', host: 'pi', ...event }).join(' ')

test('a restore is told with its bytes, its rate and the time that is left', () => {
  const progress = restoreProgress()
  expect(words(progress(said('restoring', 0), 0))).toBe('restoring notes main: 0 B of 100 MB (0 %)')
  expect(words(progress(said('restoring', 20 * mega), 2000))).toBe(
    'restoring notes main: 20 MB of 100 MB (20 %), 10 MB/s, 8.0 s left',
  )
  expect(words(progress(said('checking', 100 * mega), 10_000))).toBe('checking notes main: 100 MB')
})

test('without a word of how big it will be, with neither share nor time', () => {
  const progress = restoreProgress()
  progress(said('restoring', 0, '-'), 0)
  expect(words(progress(said('restoring', 20 * mega, '-'), 2000))).toBe('restoring notes main: 20 MB, 10 MB/s')
})

test('a log gets the first line of it, one each ten seconds, and the beginning of the check', () => {
  const progress = restoreProgress()
  const told = [0, 2, 4, 6, 8, 10, 12].map((at) => progress(said('restoring', at * mega), at * 1000).milestone)
  expect(told).toEqual([true, false, false, false, false, true, false])
  expect(progress(said('checking', 100 * mega), 13_000).milestone).toBe(true)
  expect(progress(said('checking', 100 * mega), 14_000).milestone).toBe(false)
})

test('a gate that begins again is counted from there', () => {
  const progress = restoreProgress()
  progress(said('restoring', 50 * mega), 0)
  progress(said('restoring', 60 * mega), 1000)
  expect(progress(said('restoring', 1 * mega), 2000)).toMatchObject({ bytesPerSecond: null, milestone: true })
  expect(progress(said('restoring', 3 * mega), 3000)).toMatchObject({ bytesPerSecond: 2 * mega })
})
