import { describe, expect, test } from 'vitest'
import type { Resource, UnitResource } from '../../../src/desired/resources.ts'
import type { ObservedUnit } from '../../../src/host/observed.ts'
import { closedFolders, databaseOwners } from '../../../src/plan/databases.ts'
import { obstacles } from '../../../src/plan/obstacles.ts'
import { planHost } from '../../../src/plan/plan.ts'
import { compareUnit } from '../../../src/plan/units.ts'
import { app } from '../inventory/made.ts'
import { asWanted, bare, hostState } from './hosts.ts'

const unit: UnitResource = {
  kind: 'unit',
  name: 'web.service',
  enabled: true,
  active: true,
  app: 'web',
  runsFrom: ['/etc/systemd/system/web.service'],
}
const unitFile = {
  kind: 'file',
  path: '/etc/systemd/system/web.service',
  mode: '0644',
  owner: 'root',
  group: 'root',
  content: '[Service]\n',
} satisfies Resource
const web = app('web', { databases: { main: '/var/lib/web/a.db' } })
const state = hostState([web], [unitFile, unit])

function drifted(drift: (observed: ReturnType<typeof asWanted>) => void) {
  const observed = asWanted(state)
  drift(observed)
  const plan = planHost(state, observed)
  return plan.changes.map(({ summary, step }) => [summary.action, summary.kind, summary.name, step.verb].join(' '))
}

describe('a drop-in over a unit of ours', () => {
  const override = '/etc/systemd/system/web.service.d/override.conf'

  test('is taken out, and the unit that was started with it restarts', () => {
    const changes = drifted((observed) => {
      observed.overrides.set('web.service', [override])
      observed.units.get('web.service')?.dropInPaths.push(override)
    })
    expect(changes).toEqual([`remove drop-in ${override} set-aside`, 'restart unit web.service restart'])
  })

  test('that systemd has not read yet is taken out without a restart', () => {
    expect(drifted((observed) => observed.overrides.set('web.service', [override]))).toEqual([
      `remove drop-in ${override} set-aside`,
    ])
  })
})

test('a drop-in for all units whose names begin so stays where it is, for it may be meant for others, and is told of', () => {
  const observed = asWanted(state)
  const dropIns = observed.units.get('web.service')?.dropInPaths
  dropIns?.push('/etc/systemd/system/we-.service.d/a.conf', '/usr/lib/systemd/system/service.d/b.conf')
  const { changes, warnings } = planHost(state, observed)
  expect(changes).toEqual([])
  expect(warnings).toMatchObject([
    {
      code: 'drop-in-by-prefix',
      message:
        '/etc/systemd/system/we-.service.d/a.conf changes web.service, too: it is for every unit whose name begins so',
    },
  ])
})

test('a database that became somebody else’s is given back to its app, without a restart', () => {
  expect(
    drifted((observed) =>
      observed.databases.set('/var/lib/web/a.db', { bytes: 1, owner: 'root', group: 'web', mode: '600' }),
    ),
  ).toEqual(['update database /var/lib/web/a.db own'])
})

test('so is what lies beside it, and what its owner may not read and write', () => {
  const file = { owner: 'web', group: 'web', mode: '644' }
  const mended = (seen: Partial<typeof file>, beside: Partial<typeof file>) => {
    const found = { bytes: 1, ...file, ...seen, beside: [{ ...file, ...beside }] }
    const observed = { ...bare(), databases: new Map([['/var/lib/web/a.db', found]]) }
    return databaseOwners(hostState([web], []), observed).map(({ summary, step }) => [summary.reason, step.fields])
  }
  const own = ['web:web', '/var/lib/web/a.db']
  const open = ['open', 'web.service', 'web-litestream.service']
  expect(mended({}, {})).toEqual([])
  expect(mended({ mode: '600' }, { mode: '660' })).toEqual([])
  expect(mended({}, { owner: 'root', group: 'root' })).toEqual([
    ['owner root:root → web:web of what lies beside it', own],
  ])
  expect(mended({ mode: '0' }, {})).toEqual([['mode 0, its owner is to read and write it', [...own, ...open]]])
  expect(mended({ owner: 'root' }, { mode: '444' })).toEqual([
    ['owner root:web → web:web; mode 444 of what lies beside it, its owner is to read and write it', [...own, ...open]],
  ])
})

test.each([
  ['root', 'root', '0755', 'its owner can'],
  ['web', 'root', '0755', null],
  ['root', 'web', '2775', null],
  ['root', 'web', '0755', 'its owner can'],
  ['root', 'root', '1777', null],
])('a folder of %s:%s (%s) that an app’s database lies in elsewhere is told when only %s write to it', (...each) => {
  const [owner, group, mode, told] = each
  const elsewhere = { ...web, databases: { main: '/srv/data/a.db' } }
  const observed = { ...bare(), databaseFolders: new Map([['/srv/data/a.db', { owner, group, mode }]]) }
  const found = closedFolders(hostState([elsewhere], []), observed)
  expect(found.map(({ code }) => code)).toEqual(told === null ? [] : ['database-folder'])
  if (told !== null) expect(found[0]?.next).toContain('chown web:web /srv/data')
})

test('a unit that is no longer wanted is stopped before its file goes, and only ours', () => {
  const changes = drifted((observed) => {
    const manifest = JSON.parse(observed.manifest ?? '{}') as { files: Record<string, unknown> }
    manifest.files['/etc/systemd/system/web-check.timer'] = { as: 'root', app: 'web' }
    manifest.files['/etc/web/old.conf'] = { as: 'root', app: 'web' }
    observed.manifest = JSON.stringify(manifest)
  })
  expect(changes).toEqual([
    'stop unit web-check.timer retire',
    'remove file /etc/systemd/system/web-check.timer remove',
    'remove file /etc/web/old.conf remove',
  ])
})

test('a masked unit gets its file back, is enabled and started', () => {
  const changes = drifted((observed) => {
    observed.paths.set('/etc/systemd/system/web.service', { type: 'link', target: '/dev/null' })
    Object.assign(observed.units.get('web.service') ?? {}, {
      loadState: 'masked',
      activeState: 'inactive',
      subState: 'dead',
      unitFileState: 'masked',
    })
  })
  expect(changes).toEqual([
    'update file /etc/systemd/system/web.service file',
    'enable unit web.service enable',
    'start unit web.service start',
  ])
})

describe('what only a start reads, of a unit that was started from it as it was laid,', () => {
  const override = '/etc/systemd/system/web.service.d/override.conf'
  const record = (observed: ReturnType<typeof asWanted>, start: string) =>
    observed.started.set('web.service', `${observed.started.get('web.service') ?? ''} ${start}`)
  const edit = (observed: ReturnType<typeof asWanted>) => {
    const seen = observed.paths.get(unitFile.path)
    if (seen?.type === 'file') observed.paths.set(unitFile.path, { ...seen, sha256: 'other' })
  }
  const mended = `update file ${unitFile.path} file`

  test('is put back without a restart', () => {
    const changes = drifted((observed) => {
      record(observed, 'a1')
      edit(observed)
      observed.overrides.set('web.service', [override])
      observed.units.get('web.service')?.dropInPaths.push(override)
    })
    expect(changes).toEqual([mended, `remove drop-in ${override} set-aside`])
  })

  test('is put back with one when somebody has started it since', () => {
    const changes = drifted((observed) => {
      record(observed, 'earlier')
      edit(observed)
    })
    expect(changes).toEqual([mended, 'restart unit web.service restart'])
  })

  test('is no reason to leave out the restart for a release, which may be read at any time', () => {
    const release: Resource = { kind: 'binary', path: '/opt/web/tool', mode: '0755', sha256: 'd', from: '/x' }
    const wanted = hostState([web], [unitFile, release, { ...unit, runsFrom: [...unit.runsFrom, release.path] }])
    const observed = asWanted(wanted)
    record(observed, 'a1')
    observed.trees.set(release.path, { stat: 'other', content: null })
    expect(planHost(wanted, observed).changes.map(({ step }) => step.verb)).toEqual(['binary', 'restart'])
  })
})

describe('below an app’s state directory', () => {
  const own = { owner: 'web', group: 'web', as: 'web' } as const
  const conf = { kind: 'directory', path: '/var/lib/web/conf', mode: '0750', ...own } satisfies Resource
  const inner = {
    kind: 'file',
    path: `${conf.path}/inner`,
    mode: '0640',
    content: 'as wanted\n',
    ...own,
  } satisfies Resource
  const laid = hostState([web], [conf, unitFile, inner, { ...unit, runsFrom: [unitFile.path, inner.path] }])
  type Seen = Parameters<ReturnType<typeof asWanted>['paths']['set']>[1]
  const planned = (path: string, change: object) => {
    const observed = asWanted(laid)
    observed.paths.set(path, { ...observed.paths.get(path), ...change } as Seen)
    observed.paths.set(unitFile.path, { ...observed.paths.get(unitFile.path), mode: '0666' } as Seen)
    const { changes, refused } = planHost(laid, observed)
    return { changes: changes.map(({ summary: { name, reason } }) => `${name}: ${reason}`), refused }
  }
  const other = `${unitFile.path}: mode 0666 → 0644`

  test.each([
    ['root', 'root'],
    ['root', 'web'],
    ['web', 'root'],
  ])('a folder that belongs to %s:%s is given back to the app, and its files are let be', (owner, group) => {
    expect(planned(conf.path, { owner, group })).toEqual({
      changes: [`${conf.path}: owner ${owner}:${group} → web:web`, other],
      refused: [],
    })
  })

  test('a file of which only the owner is another’s takes no restart', () => {
    expect(planned(inner.path, { owner: 'root', group: 'root' }).changes).toEqual([
      other,
      `${inner.path}: owner root:root → web:web`,
    ])
  })

  test('one whose content is not as wanted, which nobody may read, takes one', () => {
    expect(planned(inner.path, { owner: 'root', group: 'root', sha256: 'unread' }).changes).toEqual([
      other,
      `${inner.path}: content, owner root:root → web:web`,
      'web.service: what it runs from has changed since it was started',
    ])
  })

  test.each([
    ['a link', { type: 'link', target: '/etc' }, 'a link stands there'],
    ['a file', { type: 'file' }, 'a file stands there'],
    [
      'a folder of another mount',
      { type: 'mount', owner: 'pi' },
      'a folder of another mount stands there, which belongs to pi',
    ],
  ])('%s in the place of a folder is refused, and hides nothing but what lies below it', (_, change, found) => {
    const observed = asWanted(laid)
    const { changes, refused } = planned(conf.path, change)
    expect(changes).toEqual([other])
    expect(refused).toMatchObject([{ code: 'in-the-way', found, host: 'pi' }])
    // with nothing else to do, too
    observed.paths.set(conf.path, { ...observed.paths.get(conf.path), ...change } as Seen)
    observed.paths.delete(inner.path)
    const plan = planHost(laid, observed)
    expect(plan.changes).toEqual([])
    const ground = { state: laid, plan, observed, clockOffset: 0, sizes: new Map() }
    expect(obstacles(ground).map(({ code }) => code)).toEqual(['in-the-way'])
  })
})

describe('an app whose last start was not a good one', () => {
  const started = (record: (digest: string) => string) =>
    drifted((observed) => observed.started.set('web.service', record(observed.started.get('web.service') ?? '')))

  test('is waited for again, and not restarted', () => {
    expect(started((digest) => `unhealthy ${digest}`)).toEqual(['check unit web.service recheck'])
  })

  test('is told of the replica, too, when that was not seen to hold its data', () => {
    const observed = bare()
    const name = 'web-litestream.service'
    const up = { loadState: 'loaded', activeState: 'active', subState: 'running', unitFileState: 'enabled' }
    observed.units.set(name, up as ObservedUnit)
    observed.started.set(name, 'unhealthy digest')
    const unit: UnitResource = { kind: 'unit', name, enabled: true, active: true, runsFrom: ['/etc/x'], app: 'web' }
    expect(compareUnit(unit, 'digest', observed, false)).toMatchObject([
      {
        summary: { action: 'check', reason: expect.stringContaining('replica') },
        step: { verb: 'recheck', fields: [name] },
      },
    ])
  })

  test('is restarted when what it runs from has changed since', () => {
    expect(started(() => 'unhealthy 0000')).toEqual(['restart unit web.service restart'])
  })
})
