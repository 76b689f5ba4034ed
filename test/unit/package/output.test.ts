import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const bin = join(import.meta.dirname, '../../../src/bin.ts')
let full: number

beforeAll(() => {
  full = openSync('/dev/full', 'w')
})

afterAll(() => closeSync(full))

test('an output that cannot be written is told in one line, and is a failure', () => {
  const { status, stderr } = spawnSync(process.execPath, [bin, 'schema'], {
    stdio: ['ignore', full, 'pipe'],
    encoding: 'utf8',
  })
  expect(stderr).toBe('streamside: stdout cannot be written: ENOSPC: no space left on device, write\n')
  expect(status).toBe(1)
})

test('with nowhere left to say it, the exit code does', () => {
  const { status, stdout } = spawnSync(process.execPath, [bin, 'no-such-command'], {
    stdio: ['ignore', 'pipe', full],
    encoding: 'utf8',
  })
  expect([status, stdout]).toEqual([1, ''])
})
