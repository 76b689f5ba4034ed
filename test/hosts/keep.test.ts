import { beforeAll, expect, test } from 'vitest'
import type { CardImage } from '../lab/card-image.ts'
import {
  boot,
  cutPower,
  deleteObjects,
  getObject,
  insertCardImage,
  keepCard,
  type LabHost,
  listObjects,
  putObject,
  setFaults,
  shellInHost,
  wipe,
} from '../lab/index.ts'
import { proven } from './directory-site.ts'
import { chainOf, type Gated, gated, gatedApps, readOwner, refused, rowsOnceUp, stop, writeUploaded } from './gated.ts'
import { eventsOf, type Run, type Site, site, writeRow } from './site.ts'
import { appOf, codes, said, statusOf } from './status-answer.ts'

// Two histories of one app: the old card took writes that never reached the replica, and the new one went on without them.
const name = 'keep-one'
const parts = gatedApps(name, 8591, ['keep-notes'])
let lab: Site
let host: LabHost
let one: Gated
let first: CardImage
let second: CardImage

const keep = (...args: string[]): Promise<Run> => lab.run(['keep', name, one.name, '--json', ...args])
const under = async (path: string): Promise<string[]> =>
  (await listObjects(lab.lab.instance, `${one.prefix}${path}/`)).map(({ key, etag }) => `${key} ${etag}`)
const shownKey = async () =>
  (await shellInHost(host, 'ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub')).split(' ')[1] ?? '?'

beforeAll(async () => {
  lab = await site('keep', [{ name }], { apps: parts })
  host = lab.host(name)
  one = gated(lab, 'keep', parts, 'keep-notes')
  await lab.provision()
  await writeUploaded(one, 'first')
  await proven(one)
  const { path } = await readOwner(one)
  await setFaults(lab.lab.instance, [{ method: 'PUT', path: `.*${path}.*`, do: { kind: 'status', status: 503 } }])
  await writeRow(host, one.port, 'on the old card alone')
  await stop(one)
  await cutPower(host)
  await setFaults(lab.lab.instance, [])
  first = await keepCard(host, 'first')
  await wipe(host)
  await deleteObjects(lab.lab.instance, `${one.prefix}${path}/tip.json`)
  const restored = await lab.run(['restore', name, '--yes', '--json', '--host-key', await shownKey()])
  expect(restored.code, said(restored)).toBe(0)
  await writeUploaded(one, 'on the new card')
  await proven(one)
})

test('the old card does not serve, and keep shows what there is and changes nothing until it is told to', async () => {
  await cutPower(host)
  second = await keepCard(host, 'second')
  await insertCardImage(host, first)
  await boot(host)
  await refused(one, 'other-holder')
  const before = await readOwner(one)
  const shown = await keep('--dry-run', '--host-key', await shownKey())
  expect(shown.code, said(shown)).toBe(7)
  expect(eventsOf(shown, 'new-history')[0]).toMatchObject({
    path: before.path,
    files: [{ name: 'main', goesOn: true }],
  })
  expect((await keep()).code).toBe(2)
  expect(await readOwner(one)).toEqual(before)
})

test('keep goes on with the files of this host, and the other copy stays as it is', async () => {
  const { path, epoch } = await readOwner(one)
  const objects = await under(path)
  const run = await keep('--yes')
  expect(run.code, said(run)).toBe(0)
  expect(await rowsOnceUp(one)).toEqual(['first', 'on the old card alone'])
  await proven(one)
  expect(await readOwner(one)).toMatchObject({ epoch: epoch + 1, from: null, dbs: { main: { init: true } } })
  expect(await under(path)).toEqual(objects)
  expect(codes(appOf(await statusOf(lab), one.name, name).wrong)).toEqual([])
})

test('the new card, put back, is the other copy: it serves once it is chosen', async () => {
  await cutPower(host)
  await insertCardImage(host, second)
  await boot(host)
  await refused(one, 'other-holder')
  const run = await keep('--yes', '--host-key', await shownKey())
  expect(run.code, said(run)).toBe(0)
  expect(await rowsOnceUp(one)).toEqual(['first', 'on the new card'])
  await proven(one)
})

test('what was written under a path after it had ended is settled by its holder, and told again when more comes', async () => {
  const ended = (await readOwner(one)).past.find(({ end }) => end !== null)
  if (ended === undefined) throw new Error('no path of the past has an end')
  const newest = (await chainOf(one, ended.path)).reduce((most, each) => (each.max > most.max ? each : most))
  const body = await getObject(lab.lab.instance, newest.key)
  const folder = `${one.prefix}${ended.path}/main/0000`
  const late = (by: number) => (newest.max + by).toString(16).padStart(16, '0')
  const comes = (by: number) =>
    putObject(lab.lab.instance, `${folder}/${late(by)}-${late(by)}.ltx`, body ?? Buffer.alloc(0))
  const settled = async () => {
    const run = await keep('--yes')
    expect(run.code, said(run)).toBe(0)
    return (await readOwner(one)).past.find(({ path }) => path === ended.path)?.end
  }
  expect(eventsOf(await keep('--yes'), 'note').map(({ message }) => message)).toContainEqual(
    expect.stringContaining('nothing to choose'),
  )
  for (const by of [1, 2]) {
    await comes(by)
    expect(await settled()).toEqual({ main: late(by) })
  }
  expect(await rowsOnceUp(one)).toEqual(['first', 'on the new card'])
})
