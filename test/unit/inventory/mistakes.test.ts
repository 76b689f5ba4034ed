import { describe, expect, test } from 'vitest'
import { describeMistake } from '../../../src/inventory/mistake.ts'
import { loadText, mistakesOf } from './workspace.ts'
import { app, single, top } from './mistake-cases.ts'

describe('one mistake is one message in its place:', () => {
  for (const [name, [text, expected]] of Object.entries(single))
    test(name, async () => {
      const mistakes = await mistakesOf(loadText(text))
      expect(mistakes.map((mistake) => describeMistake(mistake).replace('home.yaml:', ''))).toEqual([expected])
    })
})

const warnings: Record<string, [string, string]> = {
  'a health check of another machine': [
    app('health: { http: "http://192.168.1.99/" }'),
    'apps.notes.health.http: asks another machine than the one the app runs on',
  ],
  'settings of a database that is not there': [
    app('litestream: { retention: 7d }'),
    'apps.notes.litestream: has no effect: the app has no database',
  ],
  'a database elsewhere': [
    app('database: /srv/x.db'),
    'apps.notes.database: outside of /var/lib/notes: its folder is opened to the app, and what else lies in it is not looked at',
  ],
  'http over the internet': [
    top('https://nas.lan:9000', 'http://s3.example.com'),
    'replicas.nas.endpoint: databases travel unencrypted over http',
  ],
}

describe('what is odd but sound is a warning:', () => {
  for (const [name, [text, expected]] of Object.entries(warnings))
    test(name, async () => {
      const loaded = await loadText(text)
      expect(loaded.warnings.map(({ path, message }) => `${path}: ${message}`)).toEqual([expected])
    })

  test('http within the own network is a choice', async () => {
    expect((await loadText(top('https://nas.lan:9000', 'http://192.168.1.9:9000'))).warnings).toEqual([])
  })
})
