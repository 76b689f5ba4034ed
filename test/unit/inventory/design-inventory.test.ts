import { describe, expect, test } from 'vitest'
import { describeMistake } from '../../../src/inventory/mistake.ts'
import { loadText, mistakesOf } from './workspace.ts'

describe('the inventory of the design', () => {
  const design = `version: 1
site: home
defaults: { user: pi, replica: nas }
litestream: { version: 0.5.17 }
replicas:
  nas:   { type: s3, endpoint: https://nas.lan:9000, region: us-east-1, bucket: homeserver, prefix: home, ca: ./nas-ca.pem,
           access-key-id: !secret nas-key, secret-access-key: !secret nas-secret }
  b2:    { type: s3, endpoint: https://s3.example.org, bucket: bucket, ownership: nas,
           access-key-id: !secret nas-key, secret-access-key: !secret nas-secret }
  share: { type: file, path: /mnt/nas/replicas, mount: "nfs://nas/volume1/sqlite" }
logs: { servers: [pi-cellar, "10.0.0.9:6514"], transport: tls, queue: durable }
alerts: { command: ./alert }
hosts:
  pi-attic:  { address: 192.168.1.21, tags: [shop] }
  pi-cellar: { address: 192.168.1.22 }
apps:
  gotify:
    host: pi-attic
    release: { from: { arm64: { url: "https://example.org/gotify.zip", sha256: ${'ab'.repeat(32)} }, amd64: ./dist/gotify },
               command: "./gotify", keep: 5 }
    packages: [tzdata]
    port: 8080
    environment: { GOTIFY_TOKEN: !secret nas-key }
    files: { config.yml: { from: ./gotify.yml, mode: "0640" } }
    databases: { main: data/gotify.db }
    litestream: { sync-interval: 1s, retention: 7d, metrics: 9101 }
    storage: persistent
    when-replica-unreachable: start
    restart: auto
    unprotected: [images]
    health: { http: "http://127.0.0.1:8080/health", within: 30s }
  linkding:
    host: pi-attic
    packages: [podman]
    service: { unit: linkding.service, from: ./units/linkding.service }
    database: /srv/linkding/db.sqlite3
  wiki:
    host: pi-cellar
    service: { package: some-package, unit: some.service }
    database: /srv/some/wiki.sqlite
  web:
    hosts: [pi-attic, pi-cellar]
    release: { from: ./web, build: "yarn install --frozen-lockfile --offline", migrate: bin/migrate, command: "bin/serve" }
    drain: { file: { path: drain, wait: 10s } }
`

  test('has no unknown key: what is not built is said to be, and nothing else', async () => {
    const mistakes = await mistakesOf(loadText(design))
    expect(mistakes.map(({ line, column, path, message }) => `${line}:${column}: ${path}: ${message}`)).toEqual([
      '12:1: alerts: not yet supported',
      '43:29: apps.web.release.build: not yet supported',
      '43:80: apps.web.release.migrate: not yet supported',
    ])
  })

  test('and a key that is misspelt within what is not built yet is one all the same', async () => {
    const document = design
      .replace('transport: tls', 'transprt: tls')
      .replace('{ package:', '{ pakage:')
      .replace('wait:', 'weit:')
    const mistakes = await mistakesOf(loadText(document))
    expect(mistakes.filter(({ message }) => message.startsWith('unknown')).map(describeMistake)).toEqual([
      'home.yaml:11:48: logs.transprt: unknown key; did you mean transport?',
      'home.yaml:39:16: apps.wiki.service.pakage: unknown key; did you mean package?',
      'home.yaml:44:35: apps.web.drain.file.weit: unknown key; did you mean wait?',
    ])
  })

  const misspelt: [string, string][] = [
    ['logs:', 'lgos:'],
    ['alerts:', 'alert:'],
    ['service: { unit', 'servise: { unit'],
    ['drain:', 'drian:'],
    ['migrate:', 'migrat:'],
    ['ownership:', 'owner-ship:'],
    ['mount:', 'mont:'],
    ['unprotected:', 'unprotectd:'],
  ]
  for (const [right, wrong] of misspelt)
    test(`${wrong} is taken for ${right}`, async () => {
      const mistakes = await mistakesOf(loadText(design.replace(right, wrong)))
      const meant = right.slice(0, right.indexOf(':'))
      expect(mistakes.map(({ message }) => message)).toContain(`unknown key; did you mean ${meant}?`)
    })
})
