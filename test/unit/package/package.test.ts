import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const checkout = path.resolve(import.meta.dirname, '../../..')
const elsewhere = mkdtempSync(path.join(tmpdir(), 'streamside-package-'))
const installed = path.join(elsewhere, 'node_modules/streamside')

function run(command: string, args: string[], cwd = elsewhere): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

beforeAll(() => {
  const [packed] = JSON.parse(
    run('npm', ['pack', '--json', '--silent', '--pack-destination', elsewhere], checkout),
  ) as [{ filename: string }]
  run('npm', ['init', '--yes', '--silent'])
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', `./${packed.filename}`])
}, 240_000)

afterAll(() => rmSync(elsewhere, { recursive: true, force: true }))

test('the package runs when it is installed elsewhere', () => {
  const bin = path.join(elsewhere, 'node_modules/.bin/streamside')
  expect(run(bin, ['--version']).trim()).toMatch(/^\d+\.\d+\.\d+$/)
  expect(JSON.parse(run(bin, ['schema']))).toHaveProperty('properties')
})

test('an older Node is told so in one sentence, whatever the command', () => {
  // The Node of this run says that it is another one, before the program looks.
  const older = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })`
  for (const args of [['check'], ['--version'], ['provision', '--json']]) {
    const ran = spawnSync(
      process.execPath,
      ['--import', `data:text/javascript,${encodeURIComponent(older)}`, path.join(installed, 'dist/bin.js'), ...args],
      { encoding: 'utf8' },
    )
    expect(ran.stderr).toMatch(/^streamside needs Node >= 22\.18, this is v20\.20\.2; .*\n$/)
    expect(ran.stdout).toBe('')
    expect(ran.status).toBe(2)
  }
})

test('the package carries its templates, and renders the example site with them', () => {
  const check = execFileSync(
    path.join(elsewhere, 'node_modules/.bin/streamside'),
    ['check', '--inventory', path.join(installed, 'inventory/home.yaml')],
    { encoding: 'utf8', env: { ...process.env, ...secretsOfHome } },
  )
  expect(check).toMatch(/sound/)
})

test('the package holds no tests, no TypeScript and no native code', () => {
  const files = run('find', [installed, '-type', 'f', '-not', '-path', '*/node_modules/*/node_modules/*'])
  expect(files).toContain('/dist/cli.js')
  expect(files).toContain('/templates/host/probe.sh')
  expect(files).not.toMatch(/\.ts$/m)
  expect(run('find', [elsewhere, '-name', '*.node', '-type', 'f'])).toBe('')
})

/** Any values: `check` only wants to know where they come from. */
const secretsOfHome = Object.fromEntries(
  [
    ...run('grep', ['-ho', '!secret [a-z0-9-]*', path.join(checkout, 'inventory/home.yaml')]).matchAll(
      /!secret (\S+)/g,
    ),
  ].map(([, name = '']) => [name.toUpperCase().replaceAll('-', '_'), 'a-value-for-the-test']),
)
