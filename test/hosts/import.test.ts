import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { listObjects, putObject, readAccess, setFaults, shellInHost } from '../lab/index.ts'
import { proven } from './directory-site.ts'
import { begin, type Gated, gated, gatedApps, loseDatabase, problemOf, readOwner, rowsOnceUp, stop } from './gated.ts'
import { changesOf } from './host-state.ts'
import { eventsOf, type Run, type Site, site } from './site.ts'
import { said } from './status-answer.ts'

// Somebody has run Litestream by hand until now, and its replica is what there is.
const name = 'imp-one'
const parts = gatedApps(name, 8621, ['imp-notes', 'imp-other', 'imp-older'])
const rows = ['first', 'second', 'third']
const folder = 'somewhere/old-notes'
let lab: Site
let one: Gated
let before: string[]

const run = (...args: string[]): Promise<Run> => lab.run(['import', one.name, '--json', ...args])
const old = async () => (await listObjects(lab.lab.instance, `${folder}/`)).map(({ key, etag }) => `${key} ${etag}`)

/** As people run it: a configuration of their own, a file of root's, until it has uploaded all of it. */
const plain = `
set -eu
cd /root
cat >old.yml
sqlite3 old.db 'PRAGMA journal_mode=WAL; CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT NOT NULL)' >/dev/null
for text; do sqlite3 old.db "INSERT INTO rows (text) VALUES ('$text')"; done
timeout 8 /usr/local/lib/streamside/litestream-*/litestream replicate -config old.yml >old.log 2>&1 || [ $? = 124 ]
`

beforeAll(async () => {
  lab = await site('import', [{ name }], { apps: { 'imp-other': parts['imp-other'] ?? {} } })
  one = gated(lab, 'import', parts, 'imp-notes')
  await lab.provision()
  const { s3 } = await readAccess(lab.lab.instance)
  const config =
    `access-key-id: ${s3.accessKeyId}\nsecret-access-key: ${s3.secretAccessKey}\ndbs:\n  - path: /root/old.db\n    replica:\n` +
    `      type: s3\n      endpoint: ${s3.endpoint}\n      region: ${s3.region}\n      bucket: ${s3.bucket}\n      path: ${folder}\n      force-path-style: true\n`
  await shellInHost(one.host, plain, rows, { input: config, deadlineSeconds: 60 })
  before = await old()
  const { 'imp-older': _, ...others } = parts
  await lab.rewrite({ apps: others })
})

test('a replica that lies in none of the usual places has to be named, and nothing is changed until it is agreed to', async () => {
  const unnamed = await run('--yes')
  expect([unnamed.code, problemOf(unnamed, one.name)]).toMatchObject([
    1,
    { code: 'import-not-found', next: expect.stringContaining('--from main=PATH') },
  ])
  const shown = await run('--from', folder, '--dry-run')
  expect(shown.code, said(shown)).toBe(7)
  expect(eventsOf(shown, 'note').map(({ message }) => message)).toContainEqual(
    expect.stringContaining(`main is imported from ${folder}, up to transaction`),
  )
  expect((await run('--from', folder)).code).toBe(2)
  expect(await listObjects(lab.lab.instance, one.prefix)).toEqual([])
})

test('cut off before its owner object is made, a plain provision does not start an empty app', async () => {
  await setFaults(lab.lab.instance, [
    { method: 'PUT', path: `.*${one.name}/owner\\.json.*`, do: { kind: 'status', status: 403 } },
  ])
  expect((await run('--from', folder, '--yes')).code).toBe(1)
  await setFaults(lab.lab.instance, [])
  const provision = await lab.run(['provision', '--json'])
  expect([provision.code, problemOf(provision, one.name)]).toMatchObject([6, { code: 'replica-not-empty' }])
})

test('and run again it goes on: the rows are there, under a path of the app’s own, and the old folder is as it was', async () => {
  const done = await run('--from', folder, '--yes')
  expect(done.code, said(done)).toBe(0)
  expect(await rowsOnceUp(one)).toEqual(rows)
  await proven(one)
  expect(await readOwner(one)).toMatchObject({ epoch: 1, from: null, dbs: { main: { init: true } } })
  expect(await old()).toEqual(before)
  expect(changesOf(await lab.provision())).toEqual([])
  await stop(one)
  await loseDatabase(one)
  await begin(one, 'start')
  expect(await rowsOnceUp(one)).toEqual(rows)
})

test('an app that has been launched is not imported over', async () => {
  const again = await run('--from', folder, '--yes')
  expect([again.code, problemOf(again, one.name)]).toMatchObject([1, { code: 'import-owned' }])
  expect(await rowsOnceUp(one)).toEqual(rows)
})

test('a replica of Litestream 0.3 is restored by the host, and goes on as one of today', async () => {
  const older = gated(lab, 'import', parts, 'imp-older')
  const { instance } = lab.lab
  const replica = path.join(import.meta.dirname, 'litestream-0.3')
  for (const file of await readdir(path.join(replica, 'generations'), { recursive: true, withFileTypes: true }))
    if (file.isFile()) {
      const at = path.join(file.parentPath, file.name)
      await putObject(instance, `imp-older/${path.relative(replica, at)}`, await readFile(at))
    }
  const there = async () => (await listObjects(instance, 'imp-older/')).map(({ key, etag }) => `${key} ${etag}`)
  const asWritten = await there()
  await lab.rewrite({ apps: parts })
  // by its name it lies in one of the usual places
  const done = await lab.run(['import', older.name, '--json', '--yes'])
  expect(done.code, said(done)).toBe(0)
  expect(await rowsOnceUp(older)).toEqual(['of long ago', 'and later', 'and last'])
  await proven(older)
  expect(await readOwner(older)).toMatchObject({ epoch: 1, from: null, dbs: { main: { init: true } } })
  expect(await there()).toEqual(asWritten)
  expect(
    await shellInHost(older.host, 'stat -c %U /var/lib/imp-older/data/notes.db; ls /var/lib/streamside/incoming'),
  ).toBe('imp-older\n')
  await stop(older)
  await loseDatabase(older)
  await begin(older, 'start')
  expect(await rowsOnceUp(older)).toEqual(['of long ago', 'and later', 'and last'])
})
