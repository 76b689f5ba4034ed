import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { withLock } from '../../lab/lock.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lab-lock-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('two holders of a lock never overlap', async () => {
  const file = path.join(folder, 'lock')
  let inside = 0
  const overlaps: number[] = []
  const work = async (): Promise<void> => {
    inside += 1
    overlaps.push(inside)
    await new Promise((resolve) => setTimeout(resolve, 30))
    inside -= 1
  }
  await Promise.all([1, 2, 3].map(() => withLock(file, 20, work)))
  expect(overlaps).toEqual([1, 1, 1])
})

test('a lock that is not free in time is an error that names its file', async () => {
  const file = path.join(folder, 'lock')
  await withLock(file, 5, async () => {
    await expect(withLock(file, 0.2, () => Promise.resolve())).rejects.toThrow(file)
  })
})

test('a lock falls when its holder is killed', async () => {
  const file = path.join(folder, 'lock')
  const module = path.resolve(import.meta.dirname, '../../lab/lock.ts')
  const script = `import { withLock } from ${JSON.stringify(module)}
    await withLock(${JSON.stringify(file)}, 5, () => new Promise(() => { console.log('held'); setInterval(() => {}, 1000) }))`
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise((resolve) => holder.stdout.once('data', resolve))
  await expect(withLock(file, 0.2, () => Promise.resolve())).rejects.toThrow()
  holder.kill('SIGKILL')
  expect(await withLock(file, 10, () => Promise.resolve('mine'))).toBe('mine')
})
