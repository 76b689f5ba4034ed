import { beforeAll, expect, test } from 'vitest'
import { setFaults, shellInHost } from '../lab/index.ts'
import { proven } from './directory-site.ts'
import { databaseOf, type Gated, gated, gatedApps, loseDatabase, rowsOnceUp, stop, writeUploaded } from './gated.ts'
import { eventsOf, type Site, site } from './site.ts'
import { said } from './status-answer.ts'

const parts = gatedApps('prog-one', 8611, ['prog-notes'])
let lab: Site
let one: Gated

beforeAll(async () => {
  lab = await site('restore-progress', [{ name: 'prog-one' }], { apps: parts })
  one = gated(lab, 'restore-progress', parts, 'prog-notes')
  await lab.provision()
  const fill = 'CREATE TABLE filling AS SELECT hex(randomblob(200000)) AS body'
  await shellInHost(one.host, 'setpriv --reuid "$1" --regid "$1" --clear-groups sqlite3 "$2" "$3"', [
    one.name,
    databaseOf(one),
    fill,
  ])
  await writeUploaded(one, 'first')
  await proven(one)
})

test('a restore over a slow line is told with what is there, what there will be, and how long that takes', async () => {
  const sizes = 'SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()'
  const bytes = Number(
    await shellInHost(one.host, 'setpriv --reuid "$1" --regid "$1" --clear-groups sqlite3 "$2" "$3"', [
      one.name,
      databaseOf(one),
      sizes,
    ]),
  )
  await stop(one)
  await loseDatabase(one)
  await setFaults(lab.lab.instance, [
    { method: 'GET', path: '.*\\.ltx.*', do: { kind: 'slow', bytesPerSecond: 40_000 } },
  ])
  const run = await lab.run(['provision', '--json'])
  await setFaults(lab.lab.instance, [])
  expect(run.code, said(run)).toBe(0)
  const told = eventsOf(run, 'restore-progress')
  expect(told.length, said(run)).toBeGreaterThan(1)
  expect(told[0]).toMatchObject({ host: 'prog-one', app: one.name, database: 'main', whole: bytes, milestone: true })
  const written = told.map((event) => Number(event['bytes']))
  expect(written).toEqual(written.toSorted((a, b) => a - b))
  expect(told.some(({ secondsLeft }) => typeof secondsLeft === 'number')).toBe(true)
  const steps = eventsOf(run, 'host-step').map(({ step }) => step)
  expect(steps.indexOf('proving')).toBeGreaterThan(steps.indexOf('health'))
  expect(await rowsOnceUp(one)).toEqual(['first'])
})
