import { expect, test } from 'vitest'
import { exitCodes, Problem } from '../../../src/problem.ts'
import { formatOwner, type Owner } from '../../../src/replica/owner.ts'
import type { DataStore, OpenStore } from '../../../src/replica/store.ts'
import type { RunEvent } from '../../../src/report/events.ts'
import { createDeparted } from '../../../src/rollout/departed.ts'
import { folderWith, inventoryWith, keys } from '../inventory/workspace.ts'
import { loadInventory } from '../../../src/inventory/load.ts'

const id = (digit: string) => digit.repeat(64)
const owner = (holder: Owner['holder']): string =>
  formatOwner({
    v: 1,
    epoch: 1,
    path: 'e0001-aaaaaaaa',
    write: '00000000-0000-4000-8000-000000000000',
    holder,
    from: null,
    uid: 900,
    gid: 900,
    dbs: { main: { init: true } },
    past: [],
  })

function bucketOf(objects: Record<string, string>): { open: OpenStore; asked: string[]; closed: () => number } {
  const asked: string[] = []
  let closed = 0
  const store: Partial<DataStore> = {
    where: 'bucket homeserver',
    get: async (key) => {
      asked.push(key)
      const body = objects[key]
      return body === undefined ? null : { body, etag: '"1"' }
    },
    folders: async (prefix) => [
      ...new Set(
        Object.keys(objects)
          .filter((key) => key.startsWith(prefix))
          .map((key) => `${prefix}${key.slice(prefix.length).split('/')[0]}/`),
      ),
    ],
    close: () => {
      closed += 1
    },
  }
  return { open: async () => store as DataStore, asked, closed: () => closed }
}

async function told(open: OpenStore, machines: Record<string, string> = {}): Promise<RunEvent[]> {
  const cwd = await folderWith({ 'inventory.yaml': inventoryWith(), 'dist/serve': '' })
  const { inventory } = await loadInventory(`${cwd}/inventory.yaml`, { cwd, env: keys })
  const events: RunEvent[] = []
  const departed = createDeparted(
    inventory,
    () => open,
    (event) => events.push(event),
  )
  departed.ask('pi-attic')
  departed.ask('pi-cellar')
  for (const [host, machine] of Object.entries(machines)) departed.isMachine(host, machine)
  await departed.carried('pi-attic')
  await departed.tell()
  return events
}

test('a host that is in no inventory any more is told of once, with all that it holds', async () => {
  const { open, asked, closed } = bucketOf({
    'home/notes/owner.json': owner({ host: 'pi-old', id: id('a') }),
    'home/web@pi-old/owner.json': owner({ host: 'pi-old', id: id('a') }),
    'home/wiki/owner.json': owner({ host: 'pi-old', id: id('a') }),
    'home/mail/owner.json': owner({ host: 'pi-cellar', id: id('b') }),
    'home/gone/owner.json': owner(null),
    'home/photos/1.jpg': '',
    'home/others/owner.json': '{"mine": true}',
  })
  const events = await told(open)
  expect(events).toEqual([
    expect.objectContaining({
      type: 'warning',
      code: 'host-left',
      message: expect.stringContaining(
        'pi-old is no longer in the inventory; it still holds web@pi-old, wiki in replica',
      ),
    }),
  ])
  // The app that the inventory has is provision's own business.
  expect(asked).not.toContain('home/notes/owner.json')
  expect(closed()).toBe(1)
})

test('a machine that was given another name has not left', async () => {
  const { open } = bucketOf({ 'home/web@pi-old/owner.json': owner({ host: 'pi-old', id: id('a') }) })
  expect(await told(open, { 'pi-cellar': id('a') })).toEqual([
    expect.objectContaining({
      code: 'host-renamed',
      host: 'pi-cellar',
      message: expect.stringContaining('was called pi-old'),
    }),
  ])
})

test('a bucket that cannot be asked is no warning, and holds nobody up', async () => {
  const refused = new Problem({
    code: 'replica-unreachable',
    doing: 'x',
    found: 'no route',
    next: 'y',
    exit: exitCodes.failed,
  })
  expect(await told(() => Promise.reject(refused))).toEqual([
    { type: 'note', message: 'whether a host that left the inventory still holds an app is not known: no route' },
  ])
  const began = performance.now()
  expect(await told(() => new Promise(() => {}))).toEqual([
    { type: 'note', message: expect.stringContaining('no answer within 2 s') },
  ])
  expect(performance.now() - began).toBeLessThan(3500)
})

test('what hosts have seen in directories is told of in the same way, each holder once', async () => {
  const cwd = await folderWith({ 'inventory.yaml': inventoryWith(), 'dist/serve': '' })
  const { inventory } = await loadInventory(`${cwd}/inventory.yaml`, { cwd, env: keys })
  const events: RunEvent[] = []
  const departed = createDeparted(
    inventory,
    () => () => Promise.reject(new Error('nobody is asked')),
    (event) => events.push(event),
  )
  const owners = [
    { instance: 'wiki', body: owner({ host: 'pi-old', id: id('a') }) },
    { instance: 'mail', body: owner({ host: 'pi-cellar', id: id('b') }) },
    { instance: 'gone', body: owner(null) },
    { instance: 'other', body: '{"mine": true}' },
  ]
  // two hosts of one share
  for (let host = 0; host < 2; host++)
    departed.saw(new Map([['share', { path: '/mnt/nas', isMounted: true, below: null, owners }]]))
  await departed.tell()
  expect(events).toEqual([
    expect.objectContaining({
      code: 'host-left',
      message: 'pi-old is no longer in the inventory; it still holds wiki in replica share. Nothing is done to it',
    }),
  ])
})
