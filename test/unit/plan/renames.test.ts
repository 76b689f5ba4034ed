import { describe, expect, test } from 'vitest'
import type { Observed } from '../../../src/host/observed.ts'
import { type Manifest, readManifest } from '../../../src/plan/manifest.ts'
import { planHost } from '../../../src/plan/plan.ts'
import { afterRenames } from '../../../src/plan/after-renames.ts'
import {
  afterwards,
  earlierNames,
  movedFiles,
  renamedMetrics,
  renamesDone,
  renamesOn,
} from '../../../src/plan/renames.ts'
import { app } from '../inventory/made.ts'
import { asWanted, emptyFile, hostState } from './hosts.ts'

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
const rename = { from: 'old', to: 'new', source: 'old', halves: [] }

describe('an app that was given another name', () => {
  test('is told from one that leaves, while the host has it under the earlier name', () => {
    const before = seen(['old'], ['old'])
    expect(renamesOn(now, before)).toEqual([rename])
    expect(renamesOn([app('new')], before)).toEqual([])
    expect(renamesOn([...now, app('old')], before)).toEqual([])
    // done: the manifest has the new name alone, and was: may stay
    expect(renamesOn(now, seen(['new'], ['new']))).toEqual([])
    const plan = planHost(hostState(now, []), before)
    expect(plan.changes.map(({ step }) => [step.verb, ...step.fields])).toEqual([
      ['leave', 'old', 'old.service', 'removed', 'new'],
      ['rename', 'old', 'new', 'old'],
      ['purge', '/opt/old'],
      ['purge', '/etc/streamside/apps/old'],
    ])
    expect(plan.warnings).toEqual([expect.objectContaining({ code: 'renamed', app: 'new' })])
    expect(JSON.parse(plan.manifest)).toMatchObject({ apps: ['new'], was: { new: 'old' } })
    expect(JSON.parse(plan.meanwhile ?? '')).toMatchObject({ apps: ['old'], was: { new: 'old' } })
  })

  test('is shown as one that goes on: nothing of it is told to leave, and its folders come along', () => {
    const state = (name: string, more: object = {}) =>
      hostState(
        [app(name, { replica: 'nas', ...more })],
        [
          { kind: 'directory', path: `/var/lib/${name}/data`, mode: '0750', owner: name, group: name, as: name },
          emptyFile(`/etc/systemd/system/${name}.service`),
          emptyFile(`/var/lib/${name}/app.conf`),
          ...(name === 'new' ? [emptyFile('/var/lib/new/another.conf')] : []),
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
      'update file /var/lib/new/app.conf: it is /var/lib/old/app.conf until then',
      'create file /var/lib/new/another.conf: not there',
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
    expect(movedFiles(recorded, [rename]).files).toEqual({
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
    expect(renamedMetrics({ old: 9101, other: 9102 }, [rename])).toMatchObject({
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

describe('a rename that was cut off', () => {
  const claimed = (...names: string[]): Observed['apps'] =>
    new Map(names.map((name) => [name, { claimed: true, claimPath: 'e0001-00000000', reason: null, releases: [] }]))
  /** The manifest of `old`, whose rename to `half` was begun, or of `half`, which is in place and has claimed nothing. */
  const begun = (apps: string[], was: Record<string, string>, users = ['old']): Observed => {
    const before = seen(apps, users)
    const gate = Object.fromEntries(
      apps.map((name) => [`/etc/streamside/apps/${name}/gate.json`, { as: 'root', app: name }]),
    )
    const laid = { '/etc/systemd/system/half.service': { as: 'root', app: 'half' } }
    const manifest = { ...readManifest(before.manifest), files: { ...gate, ...laid }, was }
    return { ...before, apps: claimed('old'), manifest: JSON.stringify(manifest) }
  }
  const named = (name: string, was: string | null = null) => [{ ...app(name), was }]
  const cut = begun(['old'], { half: 'old' })
  const untried = begun(['half'], { half: 'old' }, ['half'])

  test.each([
    ['the same new name, said once more or not', cut, [named('half', 'old'), named('half')], ['old', 'half', 'old']],
    ['the old name again', cut, [named('old')], ['old', 'old', 'old', 'half']],
    ['a third name', cut, [named('third', 'old'), named('third', 'half')], ['old', 'third', 'old', 'half']],
    ['the old name, when all was in place', untried, [named('old')], ['half', 'old', 'old']],
    [
      'a third name, when all was in place',
      untried,
      [named('third', 'old'), named('third', 'half')],
      ['half', 'third', 'old'],
    ],
  ])('goes on to %s', (_, host, inventories, [from = '', to = '', source = '', ...halves]) => {
    for (const apps of inventories) {
      expect(renamesOn(apps, host)).toEqual([{ from, to, source, halves }])
      const after = afterRenames(host, apps, 'pi')
      expect([...after.users.keys()]).toEqual([to])
      const plan = planHost(hostState(apps, []), after)
      const steps = plan.changes.map(({ step }) => [step.verb, ...step.fields].join(' '))
      expect(steps).toContain(['rename', from, to, source, ...halves].join(' '))
      // What was laid under the name in between goes, and nothing of it is remembered once this is done.
      if (to !== 'half') expect(steps).toContain('remove /etc/systemd/system/half.service root')
      expect(steps.some((step) => step.startsWith('leave half half.service'))).toBe(from === 'half')
      const manifest = readManifest(plan.manifest)
      expect([manifest.apps, renamesOn(apps, { ...after, manifest: plan.manifest })]).toEqual([[to], []])
      expect(Object.values(manifest.was ?? {})).not.toContain(to)
    }
  })

  test('twice has all names that it came by', () => {
    const twice = begun(['old'], { half: 'old', other: 'old' }, ['other'])
    expect(renamesOn(named('old'), twice)[0]?.halves).toEqual(['half', 'other'])
    expect([...afterRenames(twice, named('old'), 'pi').users.keys()]).toEqual(['old'])
  })

  test('is not mixed up with a new app of the name in between', () => {
    expect(() => afterRenames(cut, [app('old'), app('half')], 'pi')).toThrow(
      expect.objectContaining({ code: 'rename-clash', next: expect.stringContaining('take half out') }),
    )
  })

  test('and one that used a name twice keeps every name that the app has ever had', () => {
    const recorded = (was: Record<string, string>, name: string): Manifest => ({
      ...readManifest(null),
      apps: [name],
      was,
    })
    let was: Record<string, string> = {}
    let name = 'one'
    for (const to of ['two', 'three', 'two', 'one', 'three', 'two']) {
      was = afterwards(recorded(was, name), [{ from: name, to, source: name, halves: [] }])
      const earlier = earlierNames(to, recorded(was, to))
      expect(earlier[0]).toBe(name)
      expect(new Set(earlier).size).toBe(earlier.length)
      expect(Object.keys(was)).toHaveLength(earlier.length)
      name = to
    }
    expect(earlierNames('two', recorded(was, 'two'))).toEqual(['three', 'one'])
    // what the app was called before it came here is not forgotten with the name in between
    const twice = afterwards(recorded({ two: 'one', three: 'two' }, 'three'), [
      { from: 'three', to: 'two', source: 'three', halves: [] },
    ])
    expect(twice).toEqual({ two: 'three', three: 'one' })
  })

  test('but has gone through is no more given up unsaid', () => {
    const done = { ...untried, apps: claimed('old', 'half') }
    expect(renamesOn(named('old'), done)).toEqual([])
    expect(() => afterRenames(done, named('old'), 'pi')).toThrow(
      expect.objectContaining({ code: 'rename-done', next: expect.stringContaining('was: half') }),
    )
    const back = renamesOn(named('old', 'half'), done)
    expect(back).toEqual([{ from: 'half', to: 'old', source: 'half', halves: [] }])
    expect(readManifest(planHost(hostState(named('old', 'half'), []), done).manifest).was).toEqual({ old: 'half' })
    // By any name that it ever had.
    expect(renamesOn(named('third', 'old'), done)[0]).toMatchObject({ from: 'half', source: 'half' })
  })

  test('is refused when two apps say that they were the same', () => {
    expect(() => afterRenames(untried, [...named('a', 'old'), ...named('b', 'half')], 'pi')).toThrow(
      expect.objectContaining({ code: 'rename-clash', found: 'a and b both say that they were half' }),
    )
  })
})

test('an earlier name that is misspelt is refused: the app would begin empty, beside the data that were meant', () => {
  const refusedOf = (was: string | null, before: string[]) =>
    planHost(hostState([{ ...app('gapp'), was }], []), seen(before, before)).refused.map(({ code, next }) => [
      code,
      next,
    ])
  expect(refusedOf('fap', ['fapp'])).toEqual([
    ['rename-unknown', expect.stringContaining('write was: fapp under gapp')],
  ])
  // one that is there, one that is new on this host, one whose rename is behind it, and one that is called otherwise
  for (const [was, before] of [
    ['fapp', ['fapp']],
    ['fap', []],
    ['fap', ['fapp', 'gapp']],
    ['fap', ['wiki']],
    [null, ['fapp']],
  ] as const)
    expect(refusedOf(was, [...before])).toEqual([])
})
