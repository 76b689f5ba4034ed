import { describe, expect, test } from 'vitest'
import type { Resource } from '../../../src/desired/resources.ts'
import type { App } from '../../../src/inventory/model.ts'
import { planHost } from '../../../src/plan/plan.ts'
import { haltedApps } from '../../../src/plan/restarts.ts'
import { app } from '../inventory/made.ts'
import { asWanted, emptyFile, hostState } from './hosts.ts'

const resources = (name: string): Resource[] => [
  emptyFile(`/etc/systemd/system/${name}.service`),
  ...['', '-litestream'].map((of): Resource => ({
    kind: 'unit',
    name: `${name}${of}.service`,
    enabled: true,
    active: true,
    app: name,
    runsFrom: [],
  })),
]
const state = (...apps: App[]) =>
  hostState(
    apps,
    apps.flatMap(({ name }) => resources(name)),
  )
const notes = (databases: Record<string, string>, more: Partial<App> = {}) =>
  app('notes', { replica: 'nas', databases, ...more })
const ephemeral = { storage: { kind: 'ephemeral', sizeBytes: 1 << 20 } } as const

/** The plan for a host that is as `before`, when it is to be as `after`. */
function plan(before: App[], after: App[], lying: string[] = [], prune: string[] = []) {
  const observed = asWanted(state(...before))
  for (const file of lying)
    observed.databases.set(file, { owner: 'notes', group: 'notes', bytes: 1, mode: '600', journal: 'wal' })
  return planHost(state(...after), observed, new Set(prune))
}
const said = (of: ReturnType<typeof plan>) =>
  of.changes.map(({ summary, step }) => `${step.verb} ${summary.name}`).filter((each) => !each.startsWith('record'))

describe('databases that are to lie elsewhere', () => {
  test('have their app stopped and proven before anything is laid, and started by its gate, Litestream too', () => {
    const moves = plan([notes({ main: '/a/m.db', log: '/a/l.db' })], [notes({ main: '/b/m.db', log: '/a/l.db' })])
    expect(said(moves)).toEqual(['halt notes', 'restart notes.service'])
    expect(moves.changes[0]?.summary.reason).toContain('main: /a/m.db → /b/m.db: stop, proof')
    expect(moves.changes[0]?.step.fields).toEqual(['notes', 'notes.service', '/a/m.db'])
    expect(moves.started).toEqual(['notes'])
    expect(haltedApps(moves)).toEqual(['notes'])
  })

  test('move with the kind of their storage, all of them', () => {
    const moves = plan(
      [notes({ main: '/a/m.db', log: '/a/l.db' })],
      [notes({ main: '/a/m.db', log: '/a/l.db' }, ephemeral)],
    )
    expect(moves.changes[0]?.summary.reason).toContain('storage: persistent → ephemeral (1.0 MB)')
    expect(moves.changes[0]?.step.fields.slice(2)).toEqual(['/a/m.db', '/a/l.db'])
  })

  test('move with the size of their storage, whose mount is made anew before the app', () => {
    const mount = 'a.mount'
    const of = (sizeBytes: number) => {
      const cache = notes({ main: '/a/m.db' }, { storage: { kind: 'ephemeral', sizeBytes } })
      const unit: Resource = { kind: 'unit', name: mount, enabled: true, active: true, app: 'notes', runsFrom: [] }
      return hostState([cache], [unit, ...resources('notes')])
    }
    const bigger = planHost(of(2 << 20), asWanted(of(1 << 20)))
    expect(said(bigger)).toEqual(['halt notes', 'restart a.mount', 'restart notes.service'])
    expect(said(planHost(of(2 << 20), asWanted(of(2 << 20))))).toEqual([])
  })

  test('are those of one name: one that is new, and one that has gone, move nowhere', () => {
    expect(haltedApps(plan([notes({ main: '/a/m.db' })], [notes({ main: '/a/m.db', log: '/a/l.db' })]))).toEqual([])
    expect(haltedApps(plan([notes({ main: '/a/m.db' })], [notes({ first: '/a/m.db' })]))).toEqual([])
    expect(haltedApps(plan([], [notes({ main: '/a/m.db' })]))).toEqual([])
  })

  test('that the inventory names no more are told of once: nobody copies them from then on', () => {
    const codes = (of: ReturnType<typeof plan>) => of.warnings.map(({ code }) => code)
    const before = [notes({ main: '/a/m.db', log: '/a/l.db' })]
    expect(codes(plan(before, [notes({ main: '/a/m.db' })]))).toEqual(['database-dropped'])
    expect(codes(plan(before, [app('notes')]))).toEqual(['database-dropped', 'database-dropped'])
    const words = (of: ReturnType<typeof plan>) => of.warnings.map(({ code, message }) => `${code}: ${message}`)
    expect(words(plan(before, [notes({ first: '/a/m.db', log: '/a/l.db' })]))).toEqual([
      expect.stringMatching(
        /^database-dropped: \/a\/m.db, the database main of notes, .* by that name: it is first now/,
      ),
    ])
    expect(words(plan(before, [notes({ log: '/a/m.db' })]))).toEqual([
      expect.stringMatching(/^database-dropped: \/a\/m.db, .*, and log gets its place: what lies there is put aside$/),
    ])
    expect(codes(plan([notes({ main: '/a/m.db' })], [notes({ main: '/a/m.db' })]))).toEqual([])
  })

  test('do not come to lie where another app has its own until now', () => {
    const before = [notes({ main: '/a/n.db' }), app('wiki', { replica: 'nas', databases: { main: '/a/w.db' } })]
    const after = [notes({ main: '/a/w.db' }), app('wiki', { replica: 'nas', databases: { main: '/a/n.db' } })]
    const crossed = plan(before, after, ['/a/n.db', '/a/w.db'])
    expect(crossed.refused.map(({ code, app: name }) => `${code} ${name}`)).toEqual([
      'database-of-another notes',
      'database-of-another wiki',
    ])
    expect(plan(before, after).refused).toEqual([])
  })

  test('do not become those of a new app while one that has left still has them, be it about to go', () => {
    const before = [app('crate', { replica: 'nas', databases: { main: '/srv/c.db' } })]
    const kiste = (more: Partial<App> = {}) =>
      app('kiste', { replica: 'nas', databases: { main: '/srv/c.db' }, ...more })
    const codes = (...[after, prune]: [App[], string[]?]) =>
      plan(before, after, ['/srv/c.db'], prune).refused.map(({ code, app: name }) => `${code} ${name}`)
    expect(codes([kiste()])).toEqual(['database-of-another kiste'])
    expect(codes([kiste()], ['crate'])).toEqual(['database-of-another kiste'])
    expect(plan(before, [kiste()], ['/srv/c.db']).refused[0]?.next).toContain('was: crate')
    // that is what it is called now
    expect(codes([kiste({ was: 'crate' })])).toEqual([])
  })

  test('and are new do not come to lie where another of their app has its own until now', () => {
    const before = [notes({ main: '/a/m.db', log: '/a/l.db' })]
    const lying = ['/a/m.db', '/a/l.db']
    const refused = (...[databases, files = lying]: [Record<string, string>, string[]?]) =>
      plan(before, [notes(databases)], files).refused.map(({ code, found, next }) => `${code}: ${found}; ${next}`)
    const crossed = [
      expect.stringMatching(
        /^database-of-another: the database main of notes lies at \/a\/m.db until now; give new of notes/,
      ),
    ]
    expect(refused({ main: '/a/l.db', new: '/a/m.db' })).toEqual(crossed)
    expect(refused({ main: '/b/m.db', log: '/a/l.db', new: '/a/m.db' })).toEqual(crossed)
    // never made, so there is nothing that it would serve
    expect(refused({ main: '/a/l.db', new: '/a/m.db' }, ['/a/l.db'])).toEqual([])
    // they change places, one takes that of one that goes, or the name alone changes
    expect(refused({ main: '/a/l.db', log: '/a/m.db' })).toEqual([])
    expect(refused({ main: '/a/l.db' })).toEqual([])
    expect(refused({ new: '/a/m.db', log: '/a/l.db' })).toEqual([])
  })

  test('are not renamed in the same run, in which their gate would look for the files that lie here', () => {
    const shop = (databases: Record<string, string>, more: Partial<App> = {}) =>
      app('shop', { replica: 'nas', was: 'notes', databases, ...more })
    const before = [notes({ main: '/var/lib/notes/data/m.db', log: '/srv/l.db' })]
    const refused = (to: App) =>
      plan(before, [to]).refused.map(({ code, app: name, found }) => `${code} ${name} ${found}`)
    const along = { main: '/var/lib/shop/data/m.db', log: '/srv/l.db' }
    expect(refused(shop(along))).toEqual([])
    expect(refused(shop({ ...along, new: '/srv/n.db' }))).toEqual([])
    // which databases there are is not judged here
    expect(refused(shop({ main: along.main }))).toEqual([])
    expect(refused(shop({ ...along, main: '/var/lib/shop/data/n.db' }))).toEqual([
      expect.stringContaining(
        'rename-moves shop its databases are to lie elsewhere in the same run (main: /var/lib/shop/data/m.db → ',
      ),
    ])
    expect(refused(shop({ ...along, log: '/var/lib/shop/data/l.db' }))).toHaveLength(1)
    expect(refused(shop(along, ephemeral))).toEqual([expect.stringContaining('storage: persistent → ephemeral')])
  })
})
