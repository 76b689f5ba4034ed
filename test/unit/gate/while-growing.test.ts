import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { app } from '../inventory/made.ts'
import { render } from '../../../src/templates/render.ts'

const templates = path.resolve(import.meta.dirname, '../../../templates/host')
let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'streamside-growing-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Runs a command that is given 3 s without progress; its exit status, and the seconds it took. */
function run(script: string, ...args: string[]): Promise<{ code: number | null; seconds: number }> {
  const began = performance.now()
  const file = path.join(folder, 'db.restoring')
  const child = spawn(
    'dash',
    [path.join(templates, 'while-growing.sh'), '3', file, 'sh', '-c', script, 'sh', file, ...args],
    {
      stdio: 'ignore',
    },
  )
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => resolve({ code, seconds: (performance.now() - began) / 1000 }))
  })
}

describe('a restore', () => {
  test('that makes progress goes on for longer than it may stand still', async () => {
    const whole = await run('for n in 1 2 3 4 5 6 7; do echo "$n" >>"$1.tmp"; sleep 1; done; mv "$1.tmp" "$1"')
    expect(whole.code).toBe(0)
    expect(readFileSync(path.join(folder, 'db.restoring'), 'utf8')).toBe('1\n2\n3\n4\n5\n6\n7\n')
  })

  test('that is being checked has no limit, for its file grows no more', async () => {
    expect((await run('echo all >"$1"; sleep 6; exit 7')).code).toBe(7)
  })

  test('that gets nowhere is ended, whatever it thinks of that', async () => {
    const ended = await run('trap "" TERM; echo some >"$1.tmp"; while :; do sleep 1; done')
    expect(ended.code).toBe(124)
    expect(ended.seconds).toBeGreaterThan(3)
  })

  test('that never begins is ended too', async () => {
    expect((await run('sleep 600')).code).toBe(124)
  })

  test('that is quick is not held up', async () => {
    const quick = await run('echo all >"$1"; exit 3')
    expect(quick).toMatchObject({ code: 3 })
    expect(existsSync(path.join(folder, 'db.restoring'))).toBe(true)
  })
})

test('no limit above a restore is shorter than a restore may take', () => {
  const unit = (name: string) =>
    render(`systemd/${name}.service.hbs`, {
      app: app('notes').name,
      folders: ['/var/lib/notes/data'],
      ...(name === 'gate' ? { replica: null, replicaMount: null } : {}),
      ...(name === 'app'
        ? {
            description: 'notes',
            gated: true,
            state: '/var/lib/notes',
            command: ['./notes'],
            workingDirectory: '/var/lib/notes',
            secrets: false,
            writable: [],
            lowPort: false,
            drainFile: undefined,
            memoryDenyWriteExecute: false,
            stopLimitSeconds: 30,
          }
        : {}),
    })
  for (const name of ['app', 'gate']) expect(unit(name)).toMatch(/^TimeoutStartSec=infinity$/m)
  expect(readFileSync(path.join(templates, 'restore.sh'), 'utf8')).not.toMatch(
    /with_keys ["$]*[a-z_]*limit|with_keys \d+ restore/,
  )
})
