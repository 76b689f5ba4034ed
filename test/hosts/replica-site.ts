import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Owner } from '../../src/replica/owner.ts'
import { type Authority, makeAuthority } from '../lab/authority.ts'
import { bridgeAddressOf, type Instance, readAccess, requestLog } from '../lab/index.ts'
import { makeBucket, readJson } from './bucket.ts'
import { type Gated, journalOf } from './gated.ts'
import { type Front, frontThatIgnoresConditions, frontWithoutConditions, frontWithTls } from './s3-fronts.ts'
import { notesApp, type Run, type Site, site } from './site.ts'

export const hosts = ['rep-twelve', 'rep-thirteen'] as const
/** All that a prefix may hold. */
export const odd = 'replica/~a.b_C-9/...x/-'
export const region = 'eu-home-7'

export interface Replicated extends Gated {
  /** Bucket of its owner object; `prefix` is that object's folder. */
  bucket: string
  /** Folder of its data in the lab's bucket, with a slash at the end. */
  data: string
}

type Replicas = Record<string, Record<string, unknown>>

/** Two hosts, replicas of every kind, and apps that use them. */
export interface ReplicaSite {
  lab: Site
  instance: Instance
  fronts: { sealed: Front; refusing: Front; deaf: Front }
  /** `right` is the authority of the front `sealed`. */
  right: Authority
  wrong: Authority
  replicas: Replicas
  apps: Replicated[]
  /** Writes the inventory of all apps; `databases` beside each app's own, `replicas` instead of the site's. */
  declare(more?: { databases?: Record<string, string>; replicas?: Replicas }): Promise<void>
  /** Has a cache of its own: what an earlier lab under the same addresses left in the usual one is not known here. */
  provision(exit?: number, args?: string[]): Promise<Run>
  ownerOf(app: Replicated): Promise<Owner>
  /** Places in buckets that were probed for conditional writes since the log was cleared, once for each time. */
  probed(): Promise<string[]>
  stop(): Promise<void>
}

/** Boots the hosts and starts the fronts; nothing is provisioned yet. */
export async function replicaSite(): Promise<ReplicaSite> {
  const scratch = await mkdtemp(path.join(tmpdir(), 'streamside-replica-'))
  const lab = await site('replica', [{ name: hosts[0] }, { name: hosts[1], suite: 'trixie' }], { apps: {} })
  const { instance } = lab.lab
  const address = bridgeAddressOf(instance)
  await makeBucket(instance, 'owners')
  const right = await makeAuthority(scratch, 'right', `IP:${address}`)
  const wrong = await makeAuthority(scratch, 'wrong', `IP:${address}`)
  const fronts = {
    sealed: await frontWithTls(instance, 9101, right),
    refusing: await frontWithoutConditions(instance, 9102),
    deaf: await frontThatIgnoresConditions(instance, 9103),
  }
  const { s3 } = await readAccess(instance)
  const keys = { 'access-key-id': '!secret bucket-key', 'secret-access-key': '!secret bucket-secret' }
  const common = { type: 's3', bucket: s3.bucket, ...keys }
  const tls = { endpoint: fronts.sealed.endpoint, ca: right.certificate, region }
  const replicas: Replicas = {
    sealed: { ...common, ...tls, prefix: 'replica-sealed' },
    emulated: { ...common, endpoint: fronts.refusing.endpoint, prefix: 'replica-emulated', ownership: 'emulate' },
    kept: { ...common, endpoint: fronts.refusing.endpoint, prefix: 'replica-kept', ownership: 'owners' },
    owners: { ...common, ...tls, bucket: 'owners' },
  }
  const app = (name: string, host: string, port: number, prefix: string, more = {}): Replicated => {
    const data = `${prefix}/`
    return { site: lab, host: lab.host(host), name, port, prefix: data, data, bucket: s3.bucket, ...more }
  }
  const apps = [
    app('everywhere', hosts[0], 8200, `${odd}/everywhere@${hosts[0]}`),
    app('everywhere', hosts[1], 8200, `${odd}/everywhere@${hosts[1]}`),
    app('sealed', hosts[1], 80, 'replica-sealed/sealed'),
    app('emulated', hosts[0], 8202, 'replica-emulated/emulated'),
    app('kept', hosts[1], 8203, 'replica-kept/kept', { bucket: 'owners', prefix: 'kept/' }),
  ]
  return {
    lab,
    instance,
    fronts,
    right,
    wrong,
    replicas,
    apps,
    async declare(more = {}) {
      const databases = { main: 'data/notes.db', ...more.databases }
      const entries = apps.map(({ name, host, port }): [string, object] => {
        const where = name === 'everywhere' ? { host: undefined, hosts } : { replica: name }
        return [name, notesApp(host.name, port, { ...where, database: undefined, databases })]
      })
      const apart = { ...replicas, ...more.replicas }
      await lab.rewrite({ replica: { prefix: odd }, replicas: apart, apps: Object.fromEntries(entries) })
    },
    async provision(exit = 0, args = []) {
      const env = { STREAMSIDE_CACHE: `${scratch}/cache` }
      const run = await lab.run(['provision', '--json', '--accept-new', ...args], { env })
      if (run.code === exit) return run
      const journals = exit === 0 ? await Promise.all(apps.map((each) => journalOf(each).catch(String))) : []
      throw new Error([`exit ${run.code}, not ${exit}:`, run.stdout, run.stderr, ...journals].join('\n'))
    },
    async ownerOf({ name, bucket, prefix }) {
      const owner = await readJson<Owner>(instance, bucket, `${prefix}owner.json`)
      if (owner === null) throw new Error(`${name} has no owner object`)
      return owner
    },
    async probed() {
      const log = await requestLog(instance)
      const keys = log.map((each) => /^(.*\/streamside-probe)-([0-9a-f-]{36})/.exec(each.path))
      return [...new Map(keys.map((key) => [key?.[2], key?.[1]])).values()]
        .filter((place) => place !== undefined)
        .sort()
    },
    async stop() {
      await Promise.all(Object.values(fronts).map((front) => front.stop()))
      await rm(scratch, { recursive: true, force: true })
    },
  }
}
