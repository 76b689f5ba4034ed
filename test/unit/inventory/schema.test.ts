import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { runSchema } from '../../../src/commands/schema.ts'
import { nearest } from '../../../src/inventory/nearest.ts'
import { durationSeconds, sizeBytes } from '../../../src/inventory/schema/scalars.ts'

interface Schema {
  type?: string
  description?: string
  properties?: Record<string, Schema>
  additionalProperties?: Schema | false
  anyOf?: Schema[]
  items?: Schema
}

function printed(): Schema {
  let text = ''
  runSchema({ write: (piece) => ((text += String(piece)), true) })
  return JSON.parse(text) as Schema
}

test('the schema for editors is itself sound JSON Schema that zod can read', () => {
  expect(() => z.fromJSONSchema(printed() as Parameters<typeof z.fromJSONSchema>[0])).not.toThrow()
})

test('every key that an editor completes says what it is for', () => {
  const mute: string[] = []
  const walk = (schema: Schema, path: string, named: boolean) => {
    if (named && !schema.description) mute.push(path)
    for (const [key, value] of Object.entries(schema.properties ?? {})) walk(value, `${path}.${key}`, true)
    if (schema.additionalProperties) walk(schema.additionalProperties, `${path}.*`, false)
    for (const branch of schema.anyOf ?? []) walk(branch, path, false)
    if (schema.items) walk(schema.items, `${path}[]`, false)
  }
  walk(printed(), '', false)
  expect(mute).toEqual([])
})

describe('keys of later issues are there, and say that they are not supported yet:', () => {
  const app = (): Schema => printed().properties?.['apps']?.additionalProperties || {}
  const schemas: Record<string, () => Schema | undefined> = {
    alerts: () => printed().properties?.['alerts'],
    'drain.haproxy': () => app().properties?.['drain']?.properties?.['haproxy'],
    'drain.nginx': () => app().properties?.['drain']?.properties?.['nginx'],
    'drain.commands': () => app().properties?.['drain']?.properties?.['commands'],
    'drain.unit': () => app().properties?.['drain']?.properties?.['unit'],
    'release.build': () => app().properties?.['release']?.properties?.['build'],
    'release.migrate': () => app().properties?.['release']?.properties?.['migrate'],
  }
  for (const [name, schema] of Object.entries(schemas))
    test(name, () => expect(schema()?.description).toMatch(/^Not yet supported\. ./))
})

test('no key outside of the schema is completed as allowed', () => {
  expect(printed().additionalProperties).toBe(false)
})

test('lengths of time and sizes are what they say', () => {
  expect(['1s', '30s', '5m', '24h', '7d'].map(durationSeconds)).toEqual([1, 30, 300, 86_400, 604_800])
  expect(['', '1', 's', '1.5h', '-1s', '1ms', '1 s', '1S'].map(durationSeconds)).toEqual(Array(8).fill(null))
  expect(['1K', '256M', '1G'].map(sizeBytes)).toEqual([1024, 268_435_456, 1_073_741_824])
  expect(['256', '1MB', '1g', '-1G', ''].map(sizeBytes)).toEqual(Array(5).fill(null))
})

test('the nearest name is the one that was meant, or none', () => {
  const names = ['host', 'hosts', 'release', 'environment', 'when-replica-unreachable']
  expect(nearest('hots', names)).toBe('host')
  expect(nearest('realease', names)).toBe('release')
  expect(nearest('Environment', names)).toBe('environment')
  expect(nearest('when_replica_unreachable', names)).toBe('when-replica-unreachable')
  expect(nearest('zebra', names)).toBeUndefined()
  expect(nearest('', names)).toBeUndefined()
})
