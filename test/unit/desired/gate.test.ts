import { expect, test } from 'vitest'
import { gateConfig } from '../../../src/desired/gate.ts'
import type { S3Replica } from '../../../src/inventory/model.ts'
import { Secret } from '../../../src/inventory/secret.ts'
import { inventoryOf } from '../inventory/made.ts'

const replica = (name: string, ownership: S3Replica['ownership']): S3Replica => ({
  name,
  type: 's3',
  endpoint: `https://${name}.lan`,
  region: 'us-east-1',
  bucket: 'lab',
  prefix: '',
  ca: null,
  accessKeyId: new Secret('key', 'test-key'),
  secretAccessKey: new Secret('secret', 'test-secret'),
  ownership,
})

function configOf(ownership: S3Replica['ownership']): ReturnType<typeof gateConfig> {
  const { inventory, app } = inventoryOf(replica('nas', ownership), replica('other', 'conditional'))
  const host = inventory.hosts['pi-attic']!
  return gateConfig({ inventory, app, host, user: 'gotify', litestream: { version: '0.5.17' } })
}

test('a gate is told both places where the owner object lies elsewhere than the data', () => {
  expect(configOf({ replica: 'other' })).toMatchObject({
    where: 'replica other (https://other.lan, bucket lab)',
    data: 'replica nas (https://nas.lan, bucket lab)',
  })
})

test('and one where they lie together', () => {
  const config = configOf('emulate')
  expect(config.where).toBe('replica nas (https://nas.lan, bucket lab)')
  expect(config).not.toHaveProperty('data')
})
