import { afterAll, expect, test } from 'vitest'
import { openVerdicts } from '../../model/verdicts.ts'

// What the model found in the verdicts, as the one question that shows it.
const verdicts = openVerdicts()
afterAll(() => verdicts.close())

const me = '1'.repeat(64)
const txid = '0000000000000001'
const none = '0000000000000000'
const file = { inode: 1, size: 4096, mtime: 1, counter: 0 }
const local = { a: { file: true, l0: txid, wal: 'covers', id: file, walId: null } }
const claim = { path: 'e0001-aaaaaaaa', epoch: 1, id: me, restored: {}, source: null, proven: true }
const owner = {
  v: 1,
  epoch: 1,
  path: 'e0001-aaaaaaaa',
  write: '00000000-0000-4000-8000-000000000001',
  holder: { host: 'pi1', id: me },
  from: null as unknown,
  uid: 900,
  gid: 900,
  dbs: { a: { init: true } },
  past: [] as unknown[],
}

function facts(body: typeof owner, changed: Record<string, unknown>) {
  return {
    app: 'gotify',
    host: 'pi1',
    where: 'replica lab',
    me,
    now: 1000,
    synchronised: true,
    waited: 0,
    dbs: ['a'],
    policy: { unreachable: 'start', limit: 86_400, ephemeral: true },
    uuid: '00000000-0000-4000-8000-000000000002',
    random: 'bbbbbbbb',
    owner: { curl: 0, http: 200, s3: '', error: '', etag: '"1"', date: 1000, body: JSON.stringify(body) },
    local,
    remote: null,
    claim,
    tip: null,
    clean: null,
    started: null,
    lastOwner: null,
    restoring: false,
    fenced: false,
    rescue: false,
    once: false,
    running: false,
    ...changed,
  }
}

test('what was rescued at a stop is not given up by a proof of files that are not back yet', async () => {
  const gone = { a: { file: false, l0: null, wal: 'missing', id: null, walId: null } }
  const question = { ask: 'proof', ...facts(owner, { local: gone, rescue: true }), sync: {}, plans: {} }
  expect(await verdicts.ask(question)).toMatchObject({ held: false })
  expect(await verdicts.ask({ ...question, rescue: false })).toMatchObject({ held: true })
})

test('a new history from the files here works although the claim is gone', async () => {
  const moved = { ...owner, epoch: 2, path: 'e0002-cccccccc', from: { local: me, dbs: { a: txid } }, past: [] }
  const question = { ask: 'gate', ...facts(moved, { claim: null, remote: { a: { max: null } } }) }
  expect(await verdicts.ask(question)).toMatchObject({ do: 'adopt', claim: { path: 'e0002-cccccccc', proven: false } })
})

test('rescued files are brought back once, although the app has not made all of its databases yet', async () => {
  const never = { file: false, l0: null, wal: 'missing', id: null, walId: null }
  const clean = { proved: false, settled: true, files: { a: { id: file, walId: null }, b: { id: null, walId: null } } }
  const two = { ...owner, dbs: { a: { init: true }, b: { init: false } } }
  const remote = { a: { max: txid }, b: { max: null } }
  const question = { ask: 'gate', ...facts(two, { dbs: ['a', 'b'], remote, rescue: true, clean }) }
  expect(await verdicts.ask({ ...question, local: { a: never, b: never } })).toMatchObject({ do: 'rescue' })
  expect(await verdicts.ask({ ...question, local: { ...local, b: never } })).toMatchObject({ do: 'start' })
})

test('what was never uploaded stays when the other database is restored from what it belongs to', async () => {
  const dbs = { a: { init: true }, b: { init: false } }
  const moving = { ...owner, epoch: 3, path: 'e0003-cccccccc', dbs, from: { path: claim.path, dbs: { a: 'latest' } } }
  const two = { dbs: ['a', 'b'], local: { ...local, b: { ...local.a, l0: null, wal: 'untouched' } } }
  const remote = { a: { max: null }, b: { max: null } }
  const past = [{ path: claim.path, host: 'pi1', end: null }]
  const staying = async (claimed: unknown) =>
    (await verdicts.ask({ ask: 'gate', ...facts({ ...moving, past }, { ...two, remote, claim: claimed }) })).stay
  expect(await staying(claim)).toEqual(['b'])
  // the order was repeated, or was interrupted after its claim
  const half = { ...claim, path: 'e0002-bbbbbbbb', epoch: 2, source: claim.path, proven: false }
  past.push({ path: half.path, host: 'pi1', end: null })
  expect(await staying(half)).toEqual(['b'])
  const interrupted = { ask: 'gate', ...facts({ ...moving, past }, { ...two, remote, claim: null, restoring: true }) }
  expect((await verdicts.ask(interrupted)).stay).toEqual([])
  // files of another history are no copy of this one
  expect(await staying({ ...claim, path: half.path, proven: false })).toEqual([])
  const proven = {
    ...claim,
    path: moving.path,
    epoch: 3,
    source: claim.path,
    proven: false,
    restored: { a: txid, b: none },
  }
  const synced = { rc: 0, txid, replica: txid }
  const whole = { rc: 0, min: txid, max: txid, bytes: 1 }
  const question = {
    ask: 'proof',
    ...facts({ ...moving, past }, { ...two, claim: proven }),
    sync: { a: synced, b: synced },
    plans: { a: whole, b: whole },
  }
  // a later upload of b under the old path is a second history
  expect((await verdicts.ask(question)).put?.past[0]).toMatchObject({ path: claim.path, end: { a: txid, b: none } })
})

test('an image of between a restore and its proof is old once the path was proven', async () => {
  const restored = { ...claim, epoch: 2, source: 'e0000-00000000', restored: { a: txid }, proven: false }
  const image = { a: { ...local.a, l0: null, wal: 'untouched' } }
  const remote = { a: { max: '0000000000000002' } }
  const body = { ...owner, epoch: 2 }
  const asked = async (from: unknown) =>
    (await verdicts.ask({ ask: 'gate', ...facts({ ...body, from }, { claim: restored, local: image, remote }) })).do
  expect(await asked(null)).toBe('claim')
  expect(await asked({ path: restored.source, dbs: { a: 'latest' } })).toBe('prove')
})

test('Litestream does not fill a replica that was emptied before the app may start', async () => {
  const question = { ask: 'unit', ...facts(owner, { remote: { a: { max: null } } }) }
  expect(await verdicts.ask(question)).toMatchObject({ do: 'refuse', code: 'replica-lost' })
  const moving = { ...owner, from: { path: 'e0000-00000000', dbs: { a: 'latest' } } }
  expect(await verdicts.ask({ ...question, ...facts(moving, { remote: { a: { max: null } } }) })).toMatchObject({
    do: 'go',
  })
  const fresh = { ...owner, dbs: { a: { init: false } } }
  expect(await verdicts.ask({ ...question, ...facts(fresh, { remote: { a: { max: null } } }) })).toMatchObject({
    do: 'go',
  })
})

test('a path is proven by what it holds, and not by files that have gone since they were restored', async () => {
  const moving = { ...owner, epoch: 2, path: 'e0002-cccccccc', from: { path: 'e0001-aaaaaaaa', dbs: { a: 'latest' } } }
  const moved = {
    ...claim,
    path: 'e0002-cccccccc',
    epoch: 2,
    restored: { a: txid },
    source: 'e0001-aaaaaaaa',
    proven: false,
  }
  const whole = { sync: { a: { rc: 0, txid, replica: txid } }, plans: { a: { rc: 0, min: txid, max: txid, bytes: 1 } } }
  const question = { ask: 'proof', ...facts(moving, { claim: moved }), ...whole }
  expect(await verdicts.ask(question)).toMatchObject({ held: true, transition: 'PROVEN', put: { from: null } })

  const gone = { a: { file: false, l0: null, wal: 'missing', id: null, walId: null } }
  const nothing = {
    sync: { a: { rc: 1, error: 'no database' } },
    plans: { a: { rc: 1, error: 'no matching backup files available' } },
  }
  expect((await verdicts.ask({ ...question, ...nothing, local: gone })).put).toBeUndefined()
})
