import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { runCheck } from '../../../src/commands/check.ts'
import { findInventory } from '../../../src/inventory/find.ts'
import { elfFile } from '../artifacts/elf-file.ts'
import { folderWith, inventoryWith, keys, notes } from '../inventory/workspace.ts'

const cache = mkdtempSync(join(tmpdir(), 'streamside-cache-'))
afterAll(() => rmSync(cache, { recursive: true }))

function sink() {
  let text = ''
  return { write: (piece: unknown) => ((text += String(piece)), true), text: () => text }
}

async function check(files: Record<string, string | Uint8Array>, options: { json?: boolean } = {}) {
  const cwd = await folderWith({ 'dist/serve': '', ...files })
  const [stdout, stderr] = [sink(), sink()]
  const exit = await runCheck({ cwd, env: { ...keys, STREAMSIDE_CACHE: cache }, stdout, stderr, ...options })
  return { exit, stdout: stdout.text(), stderr: stderr.text() }
}

describe('check', () => {
  test('says that a sound inventory is sound', async () => {
    expect(await check({ 'inventory.yaml': inventoryWith() })).toEqual({
      exit: 0,
      stdout: 'inventory is sound: 2 hosts, 1 app, 1 replica\n',
      stderr: '',
    })
  })

  test('refuses a key of a bucket that Litestream could not be handed', async () => {
    const cwd = await folderWith({ 'dist/serve': '', 'inventory.yaml': inventoryWith() })
    const [name = ''] = Object.keys(keys)
    const env = { ...keys, [name]: 'k'.repeat(200_000), STREAMSIDE_CACHE: cache }
    const [stdout, stderr] = [sink(), sink()]
    expect(await runCheck({ cwd, env, stdout, stderr })).toBe(2)
    expect(stderr.text().replaceAll(/\n {4}(?=\w)/g, ' ')).toMatch(
      /replicas\.nas\.[a-z-]+: the value of the secret nas-key cannot be longer than 128 KiB/,
    )
    expect(stderr.text()).not.toContain('kkkk')
  })

  test('shows warnings, which change nothing', async () => {
    const files = { 'inventory.yaml': inventoryWith().replace('data/notes.db', '/srv/notes.db') }
    const { exit, stdout, stderr } = await check(files)
    expect([exit, stdout]).toEqual([0, 'inventory is sound: 2 hosts, 1 app, 1 replica (1 warning)\n'])
    expect(stderr).toContain('inventory.yaml:15:15: apps.notes.database: warning: outside of /var/lib/notes')
  })

  test('shows every mistake in 80 columns, and exits 2', async () => {
    const files = { 'inventory.yaml': inventoryWith().replace('host: pi-attic', 'hots: pi-attic').replace('8080', '0') }
    const { exit, stdout, stderr } = await check(files)
    expect([exit, stdout]).toEqual([2, ''])
    expect(stderr).toContain(
      'inventory.yaml:12:5: apps.notes.hots: unknown key; did you mean host?\n        hots: pi-attic\n        ^~~~\n',
    )
    expect(stderr).toMatch(/\n3 mistakes; the inventory cannot be used\n$/)
    for (const line of stderr.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  test('shows mistakes of templates in the template, with all others in one go', async () => {
    const files = {
      'inventory.yaml': inventoryWith(
        `${notes}    files:
      a.conf: { from: ./a.conf }
      b.conf: { from: ./b.conf, template: false }
      c.conf: { from: c/c.conf }
    environment: { TOKEN: !secret nas-key }
    hots: x
`,
      ),
      'a.conf': '# of {{host.name}}\nname = {{app.nme}}\n',
      'b.conf': '{{not a template',
      'c/c.conf': '{{#if env.TOKEN}}{{env.TOKN}}{{/if}}\n',
    }
    const { exit, stderr } = await check(files)
    expect(exit).toBe(2)
    expect(stderr).toBe(`inventory.yaml:21:5: apps.notes.hots: unknown key; did you mean host?
        hots: x
        ^~~~

a.conf:2:8: apps.notes.files."a.conf": there is no app.nme; did you mean
    app.name?
    name = {{app.nme}}
           ^~~~~~~~~~~
    inventory.yaml:17:23 names this template; template: false copies it as it is

c/c.conf:1:18: apps.notes.files."c.conf": there is no env.TOKN; did you mean
    env.TOKEN?
    {{#if env.TOKEN}}{{env.TOKN}}{{/if}}
                     ^~~~~~~~~~~~
    inventory.yaml:19:23 names this template; template: false copies it as it is

3 mistakes; the inventory cannot be used
`)
  })

  test('a template is not told off for what could not be read of its app', async () => {
    const { stderr } = await check({
      'inventory.yaml': inventoryWith(
        `${notes}    files: { a.conf: { from: ./a.conf } }\n    environment: { GOOD: x, BAD: [] }\n`.replace(
          '8080',
          'x',
        ),
      ),
      'a.conf': '{{env.GOOD}}{{env.BAD}}{{app.port}}{{databases.main}}',
    })
    expect(stderr).toMatch(/\n2 mistakes; the inventory cannot be used\n$/)
    expect(stderr).not.toContain('a.conf:')
  })

  test('looks into the releases: the program of the command is there, and can be started', async () => {
    const release = (from: string, command: string) =>
      inventoryWith(notes.replace('./dist', from).replace('./serve', command))
    const said = async (from: string, command: string) => {
      const { stderr } = await check({ 'inventory.yaml': release(from, command), 'dist/data': '', 'dist/bin/srv': '' })
      return stderr.replaceAll(/\s+/g, ' ')
    }
    expect(await said('./dist', './servee')).toContain(
      'inventory.yaml:13:39: apps.notes.release.command: the release has no ./servee; did you mean ./serve?',
    )
    expect(await said('./dist', './srv')).toContain('did you mean ./bin/srv?')
    expect(await said('./dist', './data')).toContain('13:39: apps.notes.release.command: data is not executable')
    expect(await said('{ amd64: ./dist/serve, armhf: ./dist }', './zzz -x')).toContain('no ./zzz; its files: serve')
    expect(await said('./dist', 'python3 -m x')).toBe('')
  })

  test('looks into the releases: one for an architecture holds programs of another', async () => {
    const { stderr } = await check({
      'inventory.yaml': inventoryWith(notes.replace('./dist', '{ arm64: ./dist, amd64: ./dist }')),
      'dist/serve': elfFile(62),
    })
    expect(stderr).toContain('inventory.yaml:13:31: apps.notes.release.from.arm64: serve is built for')
    expect(stderr).toContain('1 mistake;')
  })

  test('says in its place what systemd could not carry, and not what it was', async () => {
    const { stderr } = await check({
      'inventory.yaml': inventoryWith(
        `${notes.replace('./serve', '["./ser\\"ve", "-v"]')}    environment: { A: "\\uFDD0", B: !secret odd }
    health: { command: "-x" }
`,
      ),
      'secrets.yaml': 'odd: "hunter2\\uFDD0"\n',
    })
    const said = stderr.replaceAll(/\n {4}(?=\w)/g, ' ')
    expect(said).toContain('inventory.yaml:13:40: apps.notes.release.command[0]: the program "./ser\\"ve" holds')
    expect(said).toContain('inventory.yaml:16:23: apps.notes.environment.A: cannot hold the noncharacter U+FDD0')
    expect(said).toContain('inventory.yaml:16:36: apps.notes.environment.B: the value of the secret odd cannot hold')
    expect(said).toContain('inventory.yaml:17:24: apps.notes.health.command: systemd takes the -')
    expect(said).not.toContain('hunter2')
  })

  test('speaks JSON, one object a line', async () => {
    const files = { 'inventory.yaml': inventoryWith().replace('host: pi-attic', 'hots: pi-attic') }
    const { stdout } = await check(files, { json: true })
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(lines.at(0)).toMatchObject({ v: 1, type: 'mistake', line: 11, path: 'apps.notes' })
    expect(lines.at(-1)).toMatchObject({ v: 1, type: 'checked', sound: false, mistakes: 2 })
  })
})

describe('the inventory of a folder', () => {
  test('is inventory/, inventory.yaml or streamside.yaml', async () => {
    for (const [file, expected] of [
      ['inventory/a.yaml', 'inventory'],
      ['inventory.yaml', 'inventory.yaml'],
      ['streamside.yaml', 'streamside.yaml'],
    ] as const) {
      const cwd = await folderWith({ [file]: '' })
      expect(await findInventory(cwd)).toBe(join(cwd, expected))
    }
  })

  test('is asked for when there is none, or more than one', async () => {
    const none = await findInventory(await folderWith({})).catch((error: unknown) => error)
    expect(none).toMatchObject({ code: 'inventory-not-found', exit: 2 })
    const two = await findInventory(await folderWith({ 'inventory.yaml': '', 'streamside.yaml': '' })).catch(
      (error: unknown) => error,
    )
    expect(two).toMatchObject({ code: 'inventory-ambiguous', exit: 2 })
  })
})
