import { describe, expect, test } from 'vitest'
import type { Observed } from '../../../src/host/observed.ts'
import { readManifest } from '../../../src/plan/manifest.ts'
import { planHost } from '../../../src/plan/plan.ts'
import { afterRenames, movedFiles, renamedMetrics, renamesOn } from '../../../src/plan/renames.ts'
import { app } from '../inventory/made.ts'
import { asWanted, hostState } from './hosts.ts'

const account = { uid: 801, gid: 801, home: '/var/lib/old', shell: '/usr/sbin/nologin' }
const of = (...names: string[]) =>
  hostState(
    names.map((name) => app(name)),
    [],
  )
const seen = (apps: string[], users: string[]): Observed => ({
  ...asWanted(of(...apps)),
  users: new Map(users.map((name) => [name, account])),
})
const now = [{ ...app('new'), was: 'old' }]

describe('an app that was given another name', () => {
  test('is told from one that leaves, while the host has it under the earlier name', () => {
    const before = seen(['old'], ['old'])
    expect(renamesOn(now, before.manifest)).toEqual([{ from: 'old', to: 'new' }])
    expect(renamesOn([app('new')], before.manifest)).toEqual([])
    expect(renamesOn([...now, app('old')], before.manifest)).toEqual([])
    // done: the manifest has the new name alone, and was: may stay
    expect(renamesOn(now, seen(['new'], ['new']).manifest)).toEqual([])
    const plan = planHost(hostState(now, []), before)
    expect(plan.changes.map(({ step }) => [step.verb, ...step.fields])).toEqual([
      ['leave', 'old', 'old.service', 'removed', 'new'],
      ['rename', 'old', 'new'],
      ['purge', '/opt/old'],
      ['purge', '/etc/streamside/apps/old'],
    ])
    expect(plan.warnings).toEqual([expect.objectContaining({ code: 'renamed', app: 'new' })])
    expect(JSON.parse(plan.manifest)).toMatchObject({ apps: ['new'] })
  })

  test('leaves no file behind that it has no more, where the file lies by then', () => {
    const laid = { as: 'old', app: 'old' }
    const recorded = {
      ...readManifest(seen(['old'], []).manifest),
      files: { '/var/lib/old/a.conf': laid, '/etc/streamside/apps/old/app.env': { as: 'root', app: 'old' } },
    }
    expect(movedFiles(recorded, [{ from: 'old', to: 'new' }]).files).toEqual({
      '/var/lib/new/a.conf': { as: 'new', app: 'new' },
      '/etc/streamside/apps/old/app.env': { as: 'root', app: 'old' },
    })
  })

  test('has its user and the port of its metrics go with it', () => {
    const after = afterRenames(seen(['old', 'other'], ['old', 'other']), now, 'pi')
    expect([...after.users]).toEqual([
      ['other', account],
      ['new', { ...account, home: '/var/lib/new' }],
    ])
    expect(renamedMetrics({ old: 9101, other: 9102 }, [{ from: 'old', to: 'new' }])).toMatchObject({
      new: 9101,
      other: 9102,
    })
  })

  test('goes on after a transaction that was cut off when the user had its new name', () => {
    const cut = afterRenames(seen(['old'], ['new']), now, 'pi')
    expect([...cut.users.keys()]).toEqual(['new'])
    expect(planHost(hostState(now, []), cut).changes.map(({ step }) => step.verb)).toContain('rename')
  })

  test('is refused where an app or a user of each name is there', () => {
    const clash = (found: string) => expect.objectContaining({ code: 'rename-clash', found })
    expect(() => afterRenames(seen(['old', 'new'], ['old', 'new']), now, 'pi')).toThrow(
      clash('pi has an app of each name'),
    )
    expect(() => afterRenames(seen(['old'], ['old', 'new']), now, 'pi')).toThrow(clash('pi has a user of each name'))
  })
})
