import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { bridgeAddressOf, type Instance } from './instances.ts'
import { listHosts } from './lab-host.ts'
import { ports, storageOf } from './network.ts'
import { $ } from './shell.ts'

/** What an operator of the lab has in hands. */
export interface Access {
  /** ssh_config that knows the hosts by name; an inventory names it in `ssh: { config }`. */
  sshConfig: string
  /** Empty when the lab comes up: first contact is part of what is tried. */
  knownHosts: string
  /** Private key of the user pi on all hosts. */
  identity: string
  s3: { endpoint: string; region: string; bucket: string; accessKeyId: string; secretAccessKey: string }
  /** Release folder in upstream's shape. */
  releases: string
}

const bucket = 'lab'
/** SeaweedFS takes any region; a signature has to name one. */
const region = 'us-east-1'

const file = (instance: Instance, name: string): string => path.join(instance.access, name)

/** The operator's key and the bucket's keys, made at the first `up` of an instance. */
export async function makeKeys(instance: Instance): Promise<void> {
  const identity = file(instance, 'id_ed25519')
  if (!existsSync(`${identity}.pub`)) {
    await rm(identity, { force: true })
    await $`ssh-keygen -q -t ed25519 -N ${''} -C ${`streamside-lab-${instance.name}`} -f ${identity}`
  }
  // One value a file: an inventory reads them as `secrets: { NAME: { command: [cat, FILE] } }`.
  for (const [name, value] of [
    ['bucket-key', `LAB${randomBytes(8).toString('hex')}`],
    ['bucket-secret', randomBytes(20).toString('hex')],
    ['token', randomBytes(12).toString('hex')],
  ] as const) {
    if (!existsSync(file(instance, name))) await writeFile(file(instance, name), value, { mode: 0o600 })
  }
}

/** Where everything is. Throws when the instance has never been up. */
export async function readAccess(instance: Instance): Promise<Access> {
  const accessKeyId = await readFile(file(instance, 'bucket-key'), 'utf8')
  const secretAccessKey = await readFile(file(instance, 'bucket-secret'), 'utf8')
  const address = bridgeAddressOf(instance)
  return {
    sshConfig: file(instance, 'ssh_config'),
    knownHosts: file(instance, 'known_hosts'),
    identity: file(instance, 'id_ed25519'),
    s3: { endpoint: `http://${address}:${ports.s3}`, region, bucket, accessKeyId, secretAccessKey },
    releases: `http://${address}:${ports.releases}/releases/download`,
  }
}

/** SeaweedFS itself, past the fault proxy: for what a test does behind the hosts' backs. */
export const directEndpoint = (instance: Instance): string => `http://${storageOf(instance).address}:${ports.weed}`

/** Writes the ssh_config for all declared hosts. */
export async function writeSshConfig(instance: Instance): Promise<void> {
  const { sshConfig, knownHosts, identity } = await readAccess(instance)
  const hosts = await listHosts(instance)
  const blocks = hosts.map((host) => `Host ${host.name}\n  HostName ${host.address}\n`)
  const common = `Host *
  User pi
  IdentityFile "${identity}"
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile "${knownHosts}"
  GlobalKnownHostsFile /dev/null
`
  await writeFile(sshConfig, [...blocks, common].join('\n'))
  if (!existsSync(knownHosts)) await writeFile(knownHosts, '')
}

/** Shell exports of all of it, for a person (`eval "$(scripts/lab env)"`) and for inventory/lab.yaml's secrets. */
export async function environmentOf(instance: Instance): Promise<Record<string, string>> {
  const access = await readAccess(instance)
  const hosts = await listHosts(instance)
  return {
    STREAMSIDE_LAB: instance.name,
    LAB_SSH_CONFIG: access.sshConfig,
    LAB_S3_ENDPOINT: access.s3.endpoint,
    LAB_S3_REGION: access.s3.region,
    LAB_S3_BUCKET: access.s3.bucket,
    LAB_S3_KEY: access.s3.accessKeyId,
    LAB_S3_SECRET: access.s3.secretAccessKey,
    LAB_RELEASES: access.releases,
    ...Object.fromEntries(
      hosts.map((host) => [`LAB_HOST_${host.name.replaceAll('-', '_').toUpperCase()}`, host.address]),
    ),
  }
}
