import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { readAccess } from './access.ts'
import { bridgeAddressOf, defaultInstance, type Instance } from './instances.ts'
import { litestreamVersion } from './download.ts'
import { checkout } from './paths.ts'

/** Parts of an inventory as plain data; a text `!secret NAME` becomes the YAML tag. */
export interface InventoryParts {
  /** Keyed by host; default: each host of the lab, with nothing said about it. */
  hosts?: Record<string, object>
  apps: Record<string, object>
  /** Merged over the replica `nas`, e.g. another prefix per test, `ownership`, or an endpoint that nobody listens on. */
  replica?: Record<string, unknown>
  /** Replicas beside `nas`. */
  replicas?: Record<string, object>
  /** The inventory's `logs`; default: none. */
  logs?: Record<string, unknown>
  /** Commands of secrets, beside `bucket-key`, `bucket-secret` and `notes-token`. */
  secrets?: Record<string, { command: string[] }>
}

/**
 * Writes an inventory for this lab instance and answers its path (within the instance's access folder, so relative paths in
 * it are best absolute). `name` tells several apart.
 */
export async function labInventory(
  lab: { instance: Instance; hosts: { name: string }[] },
  parts: InventoryParts,
  name = 'inventory',
): Promise<string> {
  const { instance } = lab
  const access = await readAccess(instance)
  const nas = {
    type: 's3',
    endpoint: access.s3.endpoint,
    region: access.s3.region,
    bucket: access.s3.bucket,
    prefix: 'test',
    'access-key-id': '!secret bucket-key',
    'secret-access-key': '!secret bucket-secret',
    ...parts.replica,
  }
  const inventory = {
    version: 1,
    site: instance.name,
    ssh: { config: './ssh_config', 'known-hosts': './known_hosts' },
    defaults: { user: 'pi', replica: 'nas' },
    litestream: { version: litestreamVersion, from: `${access.releases}/v${litestreamVersion}` },
    secrets: {
      ...Object.fromEntries(
        Object.entries({ 'bucket-key': 'bucket-key', 'bucket-secret': 'bucket-secret', 'notes-token': 'token' }).map(
          ([secret, file]) => [secret, { command: ['cat', file] }],
        ),
      ),
      ...parts.secrets,
    },
    replicas: { nas, ...parts.replicas },
    hosts: parts.hosts ?? Object.fromEntries(lab.hosts.map((host) => [host.name, {}])),
    ...(parts.logs === undefined ? {} : { logs: parts.logs }),
    apps: parts.apps,
  }
  // JSON is YAML but for characters that YAML wants escaped (1.2.2, section 5.1), and the tag has to lose its quotes
  const text = JSON.stringify(inventory, null, 2)
    .replaceAll(
      /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g,
      (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
    .replaceAll(/"!secret ([A-Za-z0-9_-]+)"/g, '!secret $1')
  const file = path.join(instance.access, `${name}.yaml`)
  await writeFile(file, `${text}\n`)
  return file
}

/** The path of inventory/lab.yaml for this instance: the file itself for the default one, else a copy with its addresses. */
export async function demoInventory(instance: Instance): Promise<string> {
  const original = path.join(checkout, 'inventory', 'lab.yaml')
  if (instance.name === defaultInstance) return original
  const text = (await readFile(original, 'utf8'))
    .replaceAll('10.83.0.1', bridgeAddressOf(instance))
    .replaceAll('../.lab/lab/', './')
    .replaceAll('../test/lab/', `${checkout}/test/lab/`)
  const copy = path.join(instance.access, 'lab.yaml')
  await writeFile(copy, text)
  return copy
}
