import { describe, expect, test } from 'vitest'
import type { Resource } from '../../../src/desired/resources.ts'
import type { Observed } from '../../../src/host/observed.ts'
import { readManifest } from '../../../src/plan/manifest.ts'
import { planHost } from '../../../src/plan/plan.ts'
import { afterRenames, movedFiles, renamedMetrics, renamesDone, renamesOn } from '../../../src/plan/renames.ts'
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

  test('is shown as one that goes on: nothing of it is told to leave, and its folders come along', () => {
    const file = (path: string): Resource => ({
      kind: 'file',
      path,
      mode: '0644',
      owner: 'root',
      group: 'root',
      content: '',
    })
    const state = (name: string, more: object = {}) =>
      hostState(
        [app(name, { replica: 'nas', ...more })],
        [
          { kind: 'directory', path: `/var/lib/${name}/data`, mode: '0750', owner: name, group: name, as: name },
          file(`/etc/systemd/system/${name}.service`),
        ],
      )
    const before = asWanted(state('old'))
    const { changes, warnings } = planHost(state('new', { was: 'old' }), before)
    expect(
      changes.map(({ summary: { action, kind, name, reason } }) => `${action} ${kind} ${name}: ${reason}`),
    ).toEqual([
      'stop app old: its app is called new now: stop, proof, release',
      'update app new: it was old: its user and /var/lib/old go with it, into a new place in the replica',
      'update directory /var/lib/new/data: it is /var/lib/old/data until then',
      'create file /etc/systemd/system/new.service: not there',
      'stop unit old.service: its app is called new now',
      'remove file /etc/systemd/system/old.service: its app is called new now',
      'remove directory /opt/old: its app is called new now; what streamside has not put there stays',
      'remove directory /etc/streamside/apps/old: its app is called new now; what streamside has not put there stays',
    ])
    expect(warnings[0]?.message).toContain('what the replica holds of it under old stays there')
    // one without databases has no replica that anything could be said of
    const none = planHost(hostState(now, []), seen(['old'], ['old']))
    expect(none.changes[0]?.summary.reason).toBe('its app is called new now')
    expect(none.changes[1]?.summary.reason).toBe('it was old: its user and /var/lib/old go with it')
    expect(none.warnings).toEqual([
      {
        code: 'renamed',
        app: 'new',
        message: 'old is called new now',
        next: 'was: old may leave the inventory once all hosts have done this',
      },
    ])
  })

  test('has done so where the host knows its new name alone: then was: may go', () => {
    expect(renamesDone(now, seen(['new'], []).manifest)).toEqual([{ from: 'old', to: 'new' }])
    expect(renamesDone(now, seen(['old'], []).manifest)).toEqual([])
    expect(renamesDone(now, null)).toEqual([])
    expect(renamesDone([app('new')], seen(['new'], []).manifest)).toEqual([])
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
