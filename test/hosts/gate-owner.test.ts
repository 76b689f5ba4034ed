import { beforeAll, describe, expect, test } from 'vitest'
import { boot, cutPower, runInHost, shellInHost } from '../lab/index.ts'
import { changeHardware } from '../lab/lab-host.ts'
import {
  begin,
  chainOf,
  crash,
  databaseOf,
  type Gated,
  gated,
  gatedApps,
  impatient,
  isRunning,
  loseDatabase,
  memoryOf,
  problemOf,
  readOwner,
  reasonOf,
  refused,
  replaceOwner,
  rowsOnceUp,
  spoil,
  statusSays,
  stop,
  writeUploaded,
} from './gated.ts'
import { type Run, type Site, site, until } from './site.ts'

interface Case {
  promise: string
  spoilt: (app: Gated) => Promise<() => Promise<unknown>>
  code: string
  says: RegExp
  next: RegExp
  exit: number
}

const elsewhere = { host: 'pi-attic', id: 'f'.repeat(64) }
const wayOut =
  /run streamside restore own-one to go back to what the replica holds, or streamside provision --new-history own-\w+ to go on from the files here/

// The database here is sound in all of these; the replica's word is not, or says that it is not this host's turn.
const cases: Record<string, Case> = {
  'own-back': {
    promise: 'the owner object is of an earlier epoch: the bucket was rolled back',
    spoilt: rolledBackToEarlierEpoch,
    code: 'rolled-back',
    says: /the bucket was rolled back: the owner object has epoch 1, and the files here are from epoch 2/,
    next: wayOut,
    exit: 6,
  },
  'own-ordered': {
    promise: 'the owner object orders a restore that was proven already: the bucket was rolled back',
    spoilt: (app) => replaceOwner(app, (owner) => ({ ...owner, from: { path: owner.path, dbs: { main: 'latest' } } })),
    code: 'rolled-back',
    says: /the bucket was rolled back: the owner object orders a restore that this host has already proven/,
    next: wayOut,
    exit: 6,
  },
  'own-gone': {
    promise: 'the owner object is gone',
    spoilt: (app) => replaceOwner(app, () => null),
    code: 'owner-gone',
    says: /owner\.json of own-gone is gone from replica nas .*, and this host has run under e0001-[0-9a-f]{8}/,
    next: /bring the bucket's content back, or run streamside restore .*; it is never made again by itself/,
    exit: 6,
  },
  'own-split': {
    promise: 'the owner object knows nothing of the path that the files here belong to',
    spoilt: (app) => replaceOwner(app, (owner) => ({ ...owner, path: 'e0001-0123abcd' })),
    code: 'split',
    says: /the files here belong to e0001-[0-9a-f]{8}, which the owner object does not know: two histories exist/,
    next: /streamside keep own-one own-split --dry-run shows both; without --dry-run it goes on with the files here/,
    exit: 6,
  },
  'own-newer': {
    promise: 'the owner object is of a later version of streamside',
    spoilt: (app) => replaceOwner(app, (owner) => ({ ...owner, v: 2 })),
    code: 'owner-too-new',
    says: /owner\.json of own-newer at .* has version 2; this host reads version 1/,
    next: /run streamside provision with the release that wrote it, or a later one/,
    exit: 1,
  },
  'own-taken': {
    promise: 'another host holds it',
    spoilt: (app) => replaceOwner(app, (owner) => ({ ...owner, epoch: 2, holder: elsewhere })),
    code: 'other-holder',
    says: /own-taken is held by pi-attic \(epoch 2, e0001-[0-9a-f]{8}\)/,
    next: /run it there, or streamside move own-taken --to own-one/,
    exit: 1,
  },
  'own-released': {
    promise: 'nobody holds it any more',
    spoilt: (app) =>
      replaceOwner(app, (owner) => ({
        ...owner,
        holder: null,
        past: [{ path: owner.path, host: 'own-one', end: null }],
      })),
    code: 'released',
    says: /nobody holds own-released: it was released by own-one/,
    next: /run streamside move own-released --to own-one, or streamside restore own-one/,
    exit: 1,
  },
  'own-emptied': {
    promise: 'the replica holds nothing of what was proven to be in it',
    spoilt: async (app) => {
      // it holds the whole history too, and would begin to fill the bucket again
      await runInHost(app.host, ['systemctl', 'stop', `${app.name}-litestream.service`])
      return spoil(
        app,
        (await chainOf(app)).map(({ key }) => key),
        () => null,
      )
    },
    code: 'replica-lost',
    says: /main was in the replica once, and now nothing is there under e0001-[0-9a-f]{8}/,
    next: /bring the bucket's content back, or run streamside provision --new-history own-emptied to go on from the files here/,
    exit: 6,
  },
}

let lab: Site
let answer: Run
const parts = gatedApps('own-one', 8241, Object.keys(cases))
const app = (name: string): Gated => gated(lab, 'gate-owner', parts, name)
const mends = new Map<string, () => Promise<unknown>>()

/** The host claims anew by itself, for its database is gone without an orderly stop; then comes the object of before. */
async function rolledBackToEarlierEpoch(one: Gated): Promise<() => Promise<unknown>> {
  const before = await readOwner(one)
  await begin(one, 'start')
  await rowsOnceUp(one)
  await loseDatabase(one)
  await crash(one)
  await until('the claim of epoch 2 to be proven', 40, async () => {
    const owner = await readOwner(one)
    return owner.epoch === 2 && owner.from === null ? true : null
  })
  await rowsOnceUp(one)
  await stop(one)
  return replaceOwner(one, () => before)
}

beforeAll(async () => {
  lab = await site('gate-owner', [{ name: 'own-one' }], { apps: parts })
  await lab.provision()
  const all = Object.keys(cases).map(app)
  await Promise.all(all.map((each) => writeUploaded(each, 'one', 'two')))
  await Promise.all(all.map(stop))
  for (const each of all) mends.set(each.name, await cases[each.name]!.spoilt(each))
  await lab.rewrite({ apps: impatient(parts) })
  await Promise.all(all.map((each) => begin(each, 'start')))
  await Promise.all(all.map((each) => refused(each, cases[each.name]!.code)))
  answer = await lab.provision([], 6)
})

describe.each(Object.entries(cases))('%s', (name, { promise, code, says, next, exit }) => {
  test(`with a sound database here it does not start when ${promise}`, async () => {
    expect(await isRunning(app(name))).toBe(false)
    await runInHost(app(name).host, ['test', '-s', databaseOf(app(name))])
  })

  test('systemctl status and provision say so, each in its own words, with the next step', async () => {
    expect(await statusSays(app(name), says)).toMatch(next)
    const problem = problemOf(answer, name)
    expect(problem).toMatchObject({ code: `gate-${code}`, host: 'own-one', exit })
    expect(problem['found']).toMatch(says)
    expect(problem['next']).toMatch(next)
  })

  test('it comes up by itself on its own files when the cause is gone', async () => {
    const before = await shellInHost(app(name).host, 'stat -c %i "$1"', [databaseOf(app(name))])
    await mends.get(name)?.()
    expect(await rowsOnceUp(app(name))).toEqual(['one', 'two'])
    expect(await shellInHost(app(name).host, 'stat -c %i "$1"', [databaseOf(app(name))])).toBe(before)
    expect(await reasonOf(app(name))).toBeNull()
  })
})

test('a host that another one has taken an app from keeps its files, marked for people, until it holds it again', async () => {
  const one = app('own-taken')
  const giveBack = await replaceOwner(one, (owner) => ({ ...owner, epoch: 2, holder: elsewhere }))
  // the timer's program, without waiting for its two minutes
  await runInHost(one.host, ['systemctl', 'start', `${one.name}-check.service`])
  expect(await isRunning(one)).toBe(false)
  expect(JSON.parse(await shellInHost(one.host, 'cat "$1"', [memoryOf(one, 'fenced')]))).toMatchObject({
    text: expect.stringMatching(/own-taken is held by pi-attic/),
  })
  await giveBack()
  await begin(one, 'start')
  expect(await rowsOnceUp(one)).toEqual(['one', 'two'])
  await runInHost(one.host, ['test', '!', '-e', memoryOf(one, 'fenced')])
})

test('a card on another board is another machine: none of its apps starts, and each says whose it is', async () => {
  await cutPower(lab.host('own-one'))
  await boot(await changeHardware(lab.host('own-one')))
  for (const name of ['own-newer', 'own-emptied']) {
    const reason = await refused(app(name), 'other-holder')
    expect(reason.text).toMatch(new RegExp(`${name} is held by own-one`))
    expect(reason.next).toBe('that is this name on another card or board: run streamside restore own-one')
    expect(await isRunning(app(name))).toBe(false)
  }
})
