import { tmpdir } from 'node:os'
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { runCheck } from '../../../src/commands/check.ts'
import type { InitOptions } from '../../../src/commands/init-options.ts'
import { runInit } from '../../../src/commands/init.ts'
import { InventoryProblem } from '../../../src/inventory/mistake.ts'
import { Problem } from '../../../src/problem.ts'
import { enter, onTerminal } from '../../terminal/terminal.ts'
import { folderWith } from '../inventory/workspace.ts'

const cache = mkdtempSync(join(tmpdir(), 'streamside-cache-'))
afterAll(() => rmSync(cache, { recursive: true }))

function sink() {
  let text = ''
  return { write: (piece: unknown) => ((text += String(piece)), true), text: () => text }
}

describe('init', () => {
  const env = {
    PATH: process.env['PATH'] ?? '',
    STREAMSIDE_CACHE: cache,
    BACKUP_KEY: 'key-of-the-bucket',
    BACKUP_SECRET: 'secret-of-the-bucket',
  }
  const withoutKeys = { PATH: env.PATH, STREAMSIDE_CACHE: cache }
  const flags: InitOptions = {
    host: ['pi-attic=192.168.1.21', 'pi-cellar'],
    endpoint: 'https://nas.lan:9000',
    bucket: 'homeserver',
    app: 'notes',
    release: './dist',
    command: `./serve --title "a: b"`,
    port: 8080,
    database: 'data/notes.db',
    force: false,
    interactive: false,
    stdout: sink(),
  }

  test('takes packages as a flag', async () => {
    const cwd = await folderWith({ 'dist/serve': '' })
    await runInit({ ...flags, cwd, env, packages: 'python3, tzdata' })
    expect(await readFile(join(cwd, 'inventory.yaml'), 'utf8')).toContain('    packages: [python3, tzdata] #')
  })

  test('writes an inventory from flags that passes check', async () => {
    const cwd = await folderWith({ 'dist/serve': '' })
    const said = sink()
    expect(await runInit({ ...flags, cwd, env, stdout: said })).toBe(0)
    expect(said.text()).toContain('next: streamside check\nnext: streamside plan\nnext: streamside provision\n')
    // Another shell: it does not have the keys.
    const stdout = sink()
    expect(await runCheck({ cwd, env: withoutKeys, stdout, stderr: stdout })).toBe(0)
    expect(stdout.text()).toBe('inventory is sound: 2 hosts, 1 app, 1 replica\n')
    expect((await stat(join(cwd, 'secrets.yaml'))).mode & 0o777).toBe(0o600)
    expect(await readFile(join(cwd, '.gitignore'), 'utf8')).toBe('secrets.yaml\n')
    expect(said.text()).not.toMatch(/key-of-the-bucket|secret-of-the-bucket/)
    for (const name of ['inventory.yaml', '.gitignore'])
      expect(await readFile(join(cwd, name), 'utf8')).not.toMatch(/key-of-the-bucket|secret-of-the-bucket/)
  })

  test('names the next commands as they work from where it was run', async () => {
    const cwd = await folderWith({ 'my site/dist/serve': '', 'dist/serve': '' })
    const stdout = sink()
    await runInit({ ...flags, cwd, env, stdout, inventory: 'my site/pis.yaml', app: 'notes', release: '../dist' })
    expect(stdout.text()).toContain("next: streamside check --inventory 'my site/pis.yaml'\n")
  })

  test('writes nothing that is not sound', async () => {
    const cwd = await folderWith({})
    await expect(runInit({ ...flags, cwd, env, app: 'sshd' })).rejects.toThrow(InventoryProblem)
    expect(execFileSync('ls', ['-A'], { cwd, encoding: 'utf8' })).toBe('')
  })

  test('overwrites nothing unless told to, and then keeps the old one', async () => {
    const cwd = await folderWith({ 'dist/serve': '', 'inventory.yaml': 'mine' })
    await expect(runInit({ ...flags, cwd, env })).rejects.toMatchObject({ code: 'inventory-exists', exit: 2 })
    expect(await readFile(join(cwd, 'inventory.yaml'), 'utf8')).toBe('mine')
    await runInit({ ...flags, cwd, env, force: true })
    const kept = execFileSync('ls', { cwd, encoding: 'utf8' })
      .split('\n')
      .find((name) => name.includes('.before-'))
    expect(await readFile(join(cwd, kept ?? ''), 'utf8')).toBe('mine')
  })

  test('--dry-run needs no room for what it does not write', async () => {
    const cwd = await folderWith({ 'dist/serve': '', 'inventory.yaml': 'mine' })
    const stdout = sink()
    expect(await runInit({ ...flags, cwd, env, stdout, dryRun: true })).toBe(0)
    expect(stdout.text()).toContain('hosts:')
    expect(execFileSync('ls', ['-A'], { cwd, encoding: 'utf8' })).toBe('dist\ninventory.yaml\n')
    expect(await readFile(join(cwd, 'inventory.yaml'), 'utf8')).toBe('mine')
  })

  test('sees an inventory under another name', async () => {
    const cwd = await folderWith({ 'streamside.yaml': 'mine' })
    await expect(runInit({ ...flags, cwd, env })).rejects.toMatchObject({ code: 'inventory-exists' })
  })

  test('says which flags are missing, and that keys are no flags', async () => {
    const cwd = await folderWith({})
    await expect(runInit({ host: [], force: false, interactive: false, cwd, env })).rejects.toThrow(
      /--host NAME=ADDRESS, --bucket NAME are missing/,
    )
    await expect(
      runInit({ host: [], bucket: 'b', database: 'a.db', force: false, interactive: false, cwd, env: {} }),
    ).rejects.toMatchObject({
      found:
        '--host NAME=ADDRESS, --app NAME, --release PATH, --command COMMAND are missing, and ' +
        "nothing says what the bucket's keys are (BACKUP_KEY, BACKUP_SECRET not set)",
    })
    const problem = await runInit({ ...flags, cwd, env: {} }).catch((error: unknown) => error)
    expect(problem).toBeInstanceOf(Problem)
    expect(problem).toMatchObject({ found: expect.stringContaining('BACKUP_KEY, BACKUP_SECRET not set') })
  })

  test('uses keys that stand in secrets.yaml already, and refuses one that others can read', async () => {
    const cwd = await folderWith({ 'dist/serve': '', 'secrets.yaml': 'backup-key: k\nbackup-secret: s\n' })
    await runInit({ ...flags, cwd, env: withoutKeys })
    const other = await folderWith({ 'dist/serve': '' })
    await writeFile(join(other, 'secrets.yaml'), 'backup-key: k\nbackup-secret: s\n', { mode: 0o644 })
    await expect(runInit({ ...flags, cwd: other, env: withoutKeys })).rejects.toThrow(/can be read by others/)
  })

  test('asks on a terminal, keeps keys in a file that only its owner reads and git ignores', async () => {
    const cwd = await folderWith({ 'dist/serve': '#!/usr/bin/env python3\n' })
    execFileSync('git', ['init', '-q'], { cwd })
    const answers = [
      '',
      'Pi',
      'pi',
      'pi attic=192.168.1.21',
      'pi-attic=192.168.1.21',
      '',
      'https://nas.lan:9000',
      '',
      'homeserver',
      'notes',
      'nowhere',
      'dist',
      './serve "hello',
      './server',
      './serve',
      '',
      '../notes.db',
      'data/notes.db',
      '8080',
      'AKIA-typed',
      'typed: "secret"',
    ]
    const screen = await typeOnTerminal(cwd, answers)
    for (const refused of [
      'not a user name',
      'not a name for a host',
      `there is no ${cwd}/nowhere on this machine`,
      'the quote " is not closed',
      'the release has no ./server; did you mean ./serve?',
      'a path cannot hold ..',
    ])
      expect(screen).toContain(refused)
    expect(screen).not.toContain('typed: "secret"')
    expect((await stat(join(cwd, 'secrets.yaml'))).mode & 0o777).toBe(0o600)
    expect(execFileSync('git', ['status', '--porcelain'], { cwd, encoding: 'utf8' })).not.toContain('secrets.yaml')
    const written = await readFile(join(cwd, 'inventory.yaml'), 'utf8')
    expect(written).not.toContain('typed')
    expect(written).toContain('    packages: [python3] #')
    const stdout = sink()
    expect(await runCheck({ cwd, env: withoutKeys, stdout, stderr: stdout })).toBe(0)
  })
})

/** Runs `init` on a pseudo-terminal and types an answer at each question; gives back what was on the screen. */
async function typeOnTerminal(cwd: string, answers: string[]): Promise<string> {
  const program = new URL('../../../src/commands/init.ts', import.meta.url).pathname
  const code = `import { runInit } from ${JSON.stringify(program)}; process.exitCode = await runInit({ host: [], force: false })`
  const env = { ...process.env, STREAMSIDE_CACHE: cache, BACKUP_KEY: undefined, BACKUP_SECRET: undefined }
  const ended = await onTerminal(
    [process.execPath, '--input-type=module', '-e', code],
    answers.map((answer) => ({ after: null, type: `${answer}${enter}` })),
    { cwd, env },
  )
  expect(ended.code).toBe(0)
  return ended.screen
}
