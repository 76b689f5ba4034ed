import { execFileSync } from 'node:child_process'
import { chmod, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { formatMistakes } from '../../../src/report/format-mistakes.ts'
import { failureText, runProgram } from '../../../src/inventory/secrets/program.ts'
import { loadInventory } from '../../../src/inventory/load.ts'
import type { Inventory } from '../../../src/inventory/model.ts'
import { folderWith, inventoryWith, mistakesOf } from './workspace.ts'

const base = { PATH: process.env['PATH'] ?? '' }

/** Loads `home.yaml` of a folder with these files and this environment. */
async function load(
  files: Record<string, string>,
  env: NodeJS.ProcessEnv = {},
  prepare?: (folder: string) => Promise<unknown>,
) {
  const folder = await folderWith({ 'home.yaml': inventoryWith(), ...files })
  await prepare?.(folder)
  return loadInventory('home.yaml', { cwd: folder, env: { ...base, ...env }, skipLocalFiles: true })
}

function keysOf(inventory: Inventory): (string | undefined)[] {
  const nas = inventory.replicas['nas']
  return nas?.type === 's3' ? [nas.accessKeyId.reveal(), nas.secretAccessKey.reveal()] : []
}

async function refusals(loading: ReturnType<typeof load>): Promise<string> {
  return formatMistakes(await mistakesOf(loading), { columns: 400 })
}

const withCommand = (command: string) => ({
  'home.yaml': inventoryWith().replace('hosts:', `secrets: { nas-key: { command: ${command} } }\nhosts:`),
})

describe('a secret comes from', () => {
  test('the environment', async () => {
    const { inventory } = await load({}, { NAS_KEY: 'k', NAS_SECRET: 's' })
    expect(keysOf(inventory)).toEqual(['k', 's'])
  })

  test('secrets.yaml beside the inventory', async () => {
    const { inventory } = await load({ 'secrets.yaml': 'nas-key: 0123\nnas-secret: "a: b # c"\n' })
    expect(keysOf(inventory)).toEqual(['0123', 'a: b # c'])
  })

  test('a command, without its last line break', async () => {
    const { inventory } = await load(withCommand(`[echo, a b]`), { NAS_SECRET: 's' })
    expect(keysOf(inventory)).toEqual(['a b', 's'])
  })

  test('a file that sops decrypts', async () => {
    const folder = await folderWith({
      'home.yaml': inventoryWith(),
      'secrets.sops.yaml': 'nas-key: ENC[AES256_GCM,data:x]\n',
      'bin/sops': '#!/bin/sh\n[ "$1" = -d ] && printf \'{"nas-key": "from sops", "nas-secret": 12}\'\n',
    })
    await chmod(join(folder, 'bin/sops'), 0o755)
    const env = { PATH: `${join(folder, 'bin')}:${base.PATH}` }
    const { inventory } = await loadInventory('home.yaml', { cwd: folder, env, skipLocalFiles: true })
    expect(keysOf(inventory)).toEqual(['from sops', '12'])
  })

  test('the first of these that has it', async () => {
    const { inventory } = await load(
      { ...withCommand('[echo, from-command]'), 'secrets.yaml': 'nas-key: from-file\nnas-secret: from-file\n' },
      { NAS_SECRET: 'from-environment' },
    )
    expect(keysOf(inventory)).toEqual(['from-command', 'from-environment'])
  })
})

test('a value arrives as it was written, whatever is in it', async () => {
  const folder = await folderWith({
    'home.yaml': inventoryWith(`  notes:
    host: pi-attic
    release: { from: ./dist, command: ./serve }
    environment: { V: !secret value }
`),
  })
  const value = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 30 })
    .filter((text) => /^[^\0\ufeff\ud800-\udfff]+$/u.test(text))
  await fc.assert(
    fc.asyncProperty(value, async (text) => {
      await writeFile(join(folder, 'secrets.yaml'), `nas-key: k\nnas-secret: s\nvalue: ${JSON.stringify(text)}\n`, {
        mode: 0o600,
      })
      // The file is read as YAML, where a raw control character has no place; JSON's escapes carry it.
      if (/[\u007f-\u009f]/.test(text)) return
      const { inventory } = await loadInventory('home.yaml', { cwd: folder, env: base, skipLocalFiles: true })
      const secret = inventory.apps['notes']?.environment['V']
      expect(typeof secret === 'string' ? 'not a secret' : secret?.reveal()).toBe(text)
    }),
    { numRuns: 60 },
  )
})

test('several lines in a block survive', async () => {
  const { inventory } = await load(
    {
      'home.yaml': inventoryWith(`  notes:
    host: pi-attic
    release: { from: ./dist, command: ./serve }
    environment: { KEY: !secret key }
`),
      'secrets.yaml': stringify({
        'nas-key': 'k',
        'nas-secret': 's',
        key: '-----BEGIN\n  x: "y"\n\n$HOME\n-----END\n',
      }),
    },
    {},
  )
  expect(String(inventory.apps['notes']?.environment['KEY'])).toBe('***')
  const secret = inventory.apps['notes']?.environment['KEY']
  expect(typeof secret === 'object' && secret.reveal()).toBe('-----BEGIN\n  x: "y"\n\n$HOME\n-----END\n')
})

describe('secrets.yaml is refused when', () => {
  const secrets = { 'secrets.yaml': 'nas-key: k-not-to-be-seen\nnas-secret: s-not-to-be-seen\n' }
  const refused: Record<string, [(folder: string) => Promise<unknown>, RegExp]> = {
    'others can read it': [
      (folder) => chmod(join(folder, 'secrets.yaml'), 0o644),
      /can be read by others \(mode 0644\)[^]*chmod 600/,
    ],
    'its group can read it': [(folder) => chmod(join(folder, 'secrets.yaml'), 0o640), /can be read by others/],
    'it is a symbolic link': [
      async (folder) => {
        await rename(join(folder, 'secrets.yaml'), join(folder, 'elsewhere'))
        await symlink('elsewhere', join(folder, 'secrets.yaml'))
      },
      /is a symbolic link/,
    ],
    'git tracks it': [
      (folder) => {
        execFileSync('git', ['init', '-q'], { cwd: folder })
        execFileSync('git', ['add', '-f', 'secrets.yaml'], { cwd: folder })
        return Promise.resolve()
      },
      /is tracked by git[^]*git rm --cached secrets\.yaml/,
    ],
    'it holds no lines of NAME: value': [
      (folder) => writeFile(join(folder, 'secrets.yaml'), '- k-not-to-be-seen\n'),
      /expected lines of the form NAME: value/,
    ],
    'it is no YAML': [(folder) => writeFile(join(folder, 'secrets.yaml'), 'a: "k-not-to-be-seen\nb: c'), /not YAML/],
    'a value is a list': [
      (folder) => writeFile(join(folder, 'secrets.yaml'), 'nas-key: [k-not-to-be-seen]\n'),
      /is text, not a list/,
    ],
  }
  for (const [name, [prepare, message]] of Object.entries(refused))
    test(name, async () => {
      const said = await refusals(load(secrets, {}, prepare))
      expect(said).toMatch(message)
      expect(said).not.toContain('not-to-be-seen')
      // That the secrets in it were not found either would lead astray.
      expect(said).not.toContain('no value for')
    })

  test('not when git merely lies around it', async () => {
    const { inventory } = await load(secrets, { GIT_DIR: '/nowhere' }, (folder) => {
      execFileSync('git', ['init', '-q'], { cwd: folder })
      return Promise.resolve()
    })
    expect(keysOf(inventory)).toEqual(['k-not-to-be-seen', 's-not-to-be-seen'])
  })
})

describe('a secret that cannot be had is a mistake where it is used:', () => {
  test('it is nowhere', async () => {
    const said = await refusals(load({ 'secrets.yaml': 'nas-kay: x\n' }, { NAS_SECRET: 's' }))
    expect(said).toMatch(
      /^home\.yaml:6:25: replicas\.nas\.access-key-id: no value for the secret nas-key; did you mean nas-kay\?/,
    )
    expect(said).toContain(
      'looked for in the environment variable NAS_KEY, secrets.yaml, secrets.sops.yaml (there is none)',
    )
  })

  test('it is empty', async () => {
    expect(await refusals(load({}, { NAS_KEY: '', NAS_SECRET: 's' }))).toContain(
      'the secret nas-key is empty in the environment variable NAS_KEY',
    )
  })

  test('a key holds a line break, which would be a setting of its own in a file of settings', async () => {
    const said = await refusals(load({}, { NAS_KEY: 'seen?\nno', NAS_SECRET: 's' }))
    expect(said).toContain('holds a line break or another control character')
    expect(said).not.toContain('seen?')
  })

  test('its command fails, and what it said is not repeated', async () => {
    const said = await refusals(
      load(withCommand(`[sh, -c, 'echo leaked; echo leaked >&2; exit 3']`), { NAS_SECRET: 's' }),
    )
    expect(said).toContain('the command for the secret nas-key (sh) failed (exit status 3)')
    expect(said.replace(/^ {4}.*\n/gm, '')).not.toContain('leaked')
  })

  test('its command gives no answer', async () => {
    const hangs = { cwd: '/', env: process.env, seconds: 0.3, mayAsk: true }
    expect(await runProgram(['sh', '-c', 'sleep 5 & wait'], hangs)).toEqual({ failed: 'late' })
    expect(failureText('late', 30)).toBe('gave no answer within 30 s')
  })

  test('its command is not there', async () => {
    expect(await refusals(load(withCommand('[op-is-not-here, read]'), { NAS_SECRET: 's' }))).toContain(
      '(op-is-not-here) is not installed',
    )
  })

  test('sops is not installed', async () => {
    const said = await refusals(load({ 'secrets.sops.yaml': 'nas-key: ENC[x]\n' }, { PATH: '/nowhere' }))
    expect(said).toContain('secrets.sops.yaml:1:1: is encrypted, and sops is not installed')
  })

  test.each([
    [128, 'none of your keys fits it', 'SOPS_AGE_KEY_FILE'],
    [25, 'it was changed after sops wrote it', 'change it with sops secrets.sops.yaml only'],
    [51, 'it was changed after sops wrote it', 'change it with sops secrets.sops.yaml only'],
    [1, 'sops failed (exit status 1)', 'sops -d secrets.sops.yaml  says more'],
  ])('sops ends with status %d', async (status, found, next) => {
    const files = {
      'secrets.sops.yaml': 'nas-key: ENC[x]\n',
      'bin/sops': `#!/bin/sh\necho hunter2 >&2\nexit ${status}\n`,
    }
    const folder = await folderWith({ 'home.yaml': inventoryWith(), ...files })
    await chmod(join(folder, 'bin/sops'), 0o755)
    const env = { PATH: `${folder}/bin:${process.env['PATH']}` }
    const said = formatMistakes(
      await mistakesOf(loadInventory('home.yaml', { cwd: folder, env, skipLocalFiles: true })),
      { columns: 200 },
    )
    expect(said).toContain(`secrets.sops.yaml:1:1: could not be decrypted: ${found}`)
    expect(said).toContain(next)
    expect(said).not.toContain('hunter2')
  })

  test('its name is that of a variable with a meaning of its own', async () => {
    const said = await refusals(load({ 'home.yaml': inventoryWith().replace('nas-key', 'path') }, { NAS_SECRET: 's' }))
    expect(said).toContain('no value for the secret path')
    expect(said).not.toContain('environment variable PATH')
  })
})

test('each secret is looked up once, however often it is used', async () => {
  const count = `[sh, -c, 'echo x >>count; echo value']`
  const files = {
    'home.yaml': withCommand(count)['home.yaml'].replace('!secret nas-secret', '!secret nas-key'),
  }
  let where = ''
  await load(files, {}, (folder) => {
    where = folder
    return Promise.resolve()
  })
  expect(execFileSync('cat', ['count'], { cwd: where, encoding: 'utf8' })).toBe('x\n')
})

test('with skipSecrets nothing is looked up', async () => {
  const folder = await folderWith({ 'home.yaml': inventoryWith() })
  const { inventory } = await loadInventory('home.yaml', {
    cwd: folder,
    env: {},
    skipLocalFiles: true,
    skipSecrets: true,
  })
  expect(keysOf(inventory)).toEqual(['', ''])
})

test('a loaded inventory does not print its secrets', async () => {
  const { inventory } = await load({}, { NAS_KEY: 'k-not-to-be-seen', NAS_SECRET: 's-not-to-be-seen' })
  expect(JSON.stringify(inventory) + inspect(inventory, { depth: 9, showHidden: true })).not.toContain('not-to-be-seen')
})
