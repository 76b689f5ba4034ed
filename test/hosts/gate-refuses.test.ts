import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { readAccess, shellInHost, up } from '../lab/index.ts'
import { makeBucket, takeBucketAway } from './bucket.ts'
import {
  begin,
  chainOf,
  folderOf,
  type Gated,
  gated,
  gatedApps,
  impatient,
  isRunning,
  loseDatabase,
  problemOf,
  reasonOf,
  refused,
  replaceOwner,
  rowsOnceUp,
  spoil,
  statusSays,
  stop,
} from './gated.ts'
import { testInstance } from './instance.ts'
import { type Run, type Site, site, writeRow } from './site.ts'

const bucket = 'vanishing'

interface Case {
  promise: string
  /** Spoils the replica; what it gives back mends it. */
  spoilt: (app: Gated) => Promise<() => Promise<unknown>>
  code: string
  says: RegExp
  next: RegExp
  exit: number
}

/** Everything that a chain needs in order to get past a transaction, of any level. */
const covering = async (app: Gated, which: 'middle' | 'last') => {
  const chain = await chainOf(app)
  const last = Math.max(...chain.map(({ max }) => max))
  const wanted = which === 'last' ? last : 2
  return chain.filter(({ min, max }) => min <= wanted && wanted <= max).map(({ key }) => key)
}

// One app a case: all are broken at once, and one provision has to tell them apart.
const cases: Record<string, Case> = {
  'ref-missing': {
    promise: 'an object of the chain is missing',
    spoilt: async (app) => spoil(app, await covering(app, 'middle'), () => null),
    code: 'chain-gap',
    says: /cannot be restored: main: .*; the files here are untouched/,
    next: /bring the missing objects back/,
    exit: 6,
  },
  'ref-truncated': {
    promise: 'an object of the chain is truncated',
    spoilt: async (app) => spoil(app, await covering(app, 'last'), (body) => body.subarray(0, body.length - 40)),
    code: 'object-damaged',
    says: /cannot be restored: main: .*; the files here are untouched/,
    next: /bring the damaged object back/,
    exit: 6,
  },
  'ref-flipped': {
    promise: 'a bit of an object of the chain has flipped',
    spoilt: async (app) =>
      spoil(app, await covering(app, 'last'), (body) => {
        const flipped = Buffer.from(body)
        const at = 100 + Math.floor((body.length - 100) / 2)
        flipped[at] = (flipped[at] ?? 0) ^ 0x10
        return flipped
      }),
    code: 'object-damaged',
    says: /cannot be restored: main: .*; the files here are untouched/,
    next: /bring the damaged object back/,
    exit: 6,
  },
  'ref-newest': {
    promise: 'the newest objects of the replica are gone',
    spoilt: async (app) => spoil(app, await covering(app, 'last'), () => null),
    code: 'chain-short',
    says: /ends at [0-9a-f]{16} for main, and [0-9a-f]{16} had been proven: its newest objects are gone/,
    next: /bring them back; or run streamside restore ref-one --app \S+ --txid \S+=[0-9a-f]{16}/,
    exit: 6,
  },
  'ref-emptied': {
    promise: 'the replica was emptied after it had held the database',
    spoilt: async (app) =>
      spoil(
        app,
        (await chainOf(app)).map(({ key }) => key),
        () => null,
      ),
    code: 'replica-lost',
    says: /main was in the replica once, and now nothing is there/,
    next: /bring the bucket's content back, or run streamside provision --new-history ref-emptied to start with an empty database/,
    exit: 6,
  },
  'ref-bucket': {
    promise: 'the bucket is gone',
    spoilt: (app) => takeBucketAway(app.site.lab.instance, bucket),
    code: 'bucket-gone',
    says: /the bucket does not exist at replica vanishing .*NoSuchBucket/,
    next: /bring the bucket back, or mend bucket: in the inventory/,
    exit: 6,
  },
  'ref-garbage': {
    promise: 'the owner object is garbage',
    spoilt: (app) => replaceOwner(app, () => '{"v":1,"epoch":"first"'),
    code: 'owner-garbage',
    says: /owner\.json of ref-garbage at .* is not an owner object that streamside wrote/,
    next: /put an earlier version of the object back/,
    exit: 6,
  },
  'ref-other': {
    promise: 'the owner object names another host',
    spoilt: (app) => replaceOwner(app, (owner) => ({ ...owner, holder: { host: 'pi-attic', id: 'f'.repeat(64) } })),
    code: 'other-holder',
    says: /ref-other is held by pi-attic \(epoch 1, e0001-[0-9a-f]{8}\)/,
    next: /run it there, or streamside move ref-other --to ref-one/,
    exit: 1,
  },
}

let lab: Site
let answer: Run
const mends = new Map<string, () => Promise<unknown>>()
const parts = gatedApps('ref-one', 8201, Object.keys(cases), { 'ref-bucket': { replica: bucket } })
const app = (name: string) => gated(lab, 'gate-refuses', parts, name)

beforeAll(async () => {
  const { instance } = await up([{ name: 'ref-one' }], { instance: testInstance })
  const { s3 } = await readAccess(instance)
  await makeBucket(instance, bucket)
  const vanishing = {
    type: 's3',
    endpoint: s3.endpoint,
    region: s3.region,
    bucket,
    'access-key-id': '!secret bucket-key',
    'secret-access-key': '!secret bucket-secret',
  }
  lab = await site('gate-refuses', [{ name: 'ref-one' }], { apps: parts, replicas: { vanishing } })
  await lab.provision()
  const all = Object.keys(cases).map(app)
  for (const text of ['one', 'two', 'three'])
    await Promise.all([...all.map((each) => writeRow(each.host, each.port, text)), sleep(1500)])
  await Promise.all(all.map(stop))
  for (const each of all) {
    await loseDatabase(each)
    mends.set(each.name, await cases[each.name]!.spoilt(each))
  }
  await Promise.all(all.map((each) => begin(each, 'start')))
  await Promise.all(all.map((each) => refused(each, cases[each.name]!.code)))
  await lab.rewrite({ apps: impatient(parts), replicas: { vanishing } })
  answer = await lab.provision([], 6)
})

describe.each(Object.entries(cases))('%s', (name, { promise, code, says, next, exit }) => {
  test(`with no database here it does not start when ${promise}`, async () => {
    expect(await isRunning(app(name))).toBe(false)
    expect(await shellInHost(app(name).host, 'ls -A "$1"', [folderOf(app(name))])).toBe('')
  })

  test('systemctl status and provision say so, each in its own words, with the next step', async () => {
    const status = await statusSays(app(name), says)
    expect(status).toMatch(next)
    const problem = problemOf(answer, name)
    expect(problem).toMatchObject({ code: `gate-${code}`, host: 'ref-one', exit })
    expect(problem['found']).toMatch(says)
    expect(problem['next']).toMatch(next)
  })

  test('it comes up by itself, with its rows, when the cause is gone', async () => {
    await mends.get(name)?.()
    expect(await rowsOnceUp(app(name))).toEqual(['one', 'two', 'three'])
    expect(await reasonOf(app(name))).toBeNull()
  })
})
