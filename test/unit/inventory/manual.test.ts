import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { isMap, parseDocument } from 'yaml'
import { examples } from '../../../src/inventory/schema/examples.ts'
import { documentedKeys, withManual } from '../../../src/inventory/schema/manual.ts'
import { keys, loadText } from './workspace.ts'

const file = path.resolve(import.meta.dirname, '../../../docs/inventory.md')

test('docs/inventory.md is what the schema says: run  npm run docs', () => {
  const text = readFileSync(file, 'utf8')
  expect(withManual(text)).toBe(text)
})

const working = documentedKeys().filter(({ later }) => !later)

test('every key says what it is, and has an example; no example is of a key that is gone', () => {
  expect(working.filter(({ description }) => description === '').map((key) => key.path)).toEqual([])
  expect(Object.keys(examples).sort()).toEqual(working.map((key) => key.path).sort())
})

const base = `
version: 1
site: home
replicas:
  nas: { type: s3, endpoint: "https://nas.lan:9000", bucket: homeserver, access-key-id: !secret nas-key, secret-access-key: !secret nas-secret }
hosts: { pi-attic: { address: 192.168.1.21 }, pi-cellar: { address: 192.168.1.22 } }
apps:
  gotify:
    host: pi-attic
    release: { from: ./dist/gotify, command: ./gotify }
    database: data/gotify.db
    replica: nas
`
/** What an example cannot stand beside, and what it cannot stand without. */
const instead: Record<string, string> = { hosts: 'host', databases: 'database' }
const beside: Record<string, [string, unknown]> = {
  mode: ['from', './gotify.yml'],
  template: ['from', './gotify.yml'],
  within: ['tcp', 8080],
  wait: ['path', 'out-of-service'],
  certificates: ['ca', './log-ca.pem'],
}
/** What says nothing without its other keys. */
const together: Record<string, object> = {
  wifi: { ssid: 'Home', country: 'DE' },
  network: { address: '192.168.1.21/24', gateway: '192.168.1.1' },
}
const chosen: Record<string, string> = {
  secrets: 'nas-key',
  replicas: 'nas',
  hosts: 'pi-attic',
  apps: 'gotify',
  files: 'config.yml',
}

/** The base with the example in its place. */
function inventoryOf(key: string, example: string): string {
  const document = parseDocument(base)
  const place: string[] = []
  // what stands below `from` is shown with it
  for (const part of key.replace(/(release\.from)\..*$/, '$1').split('.'))
    place.push(part === '<name>' ? (chosen[place.at(-1) ?? ''] ?? part) : part)
  const folder = place.slice(0, -1)
  const own = place.at(-1) ?? ''
  const value = parseDocument(example.replace('<64 hex digits>', 'a'.repeat(64)))
  if (!isMap(value.contents)) throw new Error(`${example} is not written as a key and its value`)
  if (instead[own] !== undefined && folder.length > 0) document.deleteIn([...folder, instead[own]])
  if (beside[own] !== undefined) document.setIn([...folder, beside[own][0]], beside[own][1])
  if (place.includes('service')) {
    document.deleteIn(['apps', 'gotify', 'release'])
    document.setIn(['apps', 'gotify', 'database'], '/var/lib/gotify/gotify.db')
    if (own !== 'service' && own !== 'unit') document.setIn(['apps', 'gotify', 'service', 'unit'], 'gotify.service')
  }
  // of the other kind of replica
  if (own === 'mount' || (own === 'path' && place[0] === 'replicas'))
    document.setIn(folder, document.createNode({ type: 'file', path: '/mnt/nas' }))
  const about = place.at(-2) ?? ''
  if (together[about] !== undefined) document.setIn(folder, document.createNode(together[about]))
  document.setIn(place, value.contents.items[0]?.value)
  return document.toString()
}

describe('an example loads', () => {
  // these stand for the whole, and for what the others refer to
  const whole = ['apps', 'hosts', 'replicas']
  test.each(Object.entries(examples).filter(([key]) => !whole.includes(key)))('%s', async (key, example) => {
    const env = { ...keys, GOTIFY: 'token', ATTIC_SUDO: 'sesame', WIFI: 'password' }
    const options = { env, skipSecrets: key.startsWith('secrets') }
    await expect(loadText(inventoryOf(key, example), options)).resolves.toBeDefined()
  })

  test('those that stand for the whole, together', async () => {
    const text = ['version: 1', 'site: home', 'defaults: { replica: nas }', ...whole.map((key) => examples[key])]
    await expect(loadText(text.join('\n'))).resolves.toBeDefined()
  })
})
