import { describe, expect, test } from 'vitest'
import type { Resource } from '../../../src/desired/resources.ts'
import type { Observed } from '../../../src/host/observed.ts'
import { planHost } from '../../../src/plan/plan.ts'
import { app } from '../inventory/made.ts'
import { asWanted, bare, hostState } from './hosts.ts'

const unit = '/etc/systemd/system/web.service'
const resources: Resource[] = [
  { kind: 'package', name: 'curl' },
  { kind: 'user', name: 'web', home: '/var/lib/web', uid: 800, gid: 800 },
  { kind: 'directory', path: '/var/lib/web', mode: '0750', owner: 'web', group: 'web' },
  {
    kind: 'release',
    app: 'web',
    digest: 'd1',
    path: '/opt/web/releases/d1',
    tar: '/t',
    bytes: 10,
    entries: [],
    keep: 3,
  },
  { kind: 'link', path: '/opt/web/current', target: '/opt/web/releases/d1' },
  { kind: 'file', path: unit, mode: '0644', owner: 'root', group: 'root', content: '[Unit]\n', validate: 'unit' },
  {
    kind: 'file',
    path: '/etc/streamside/apps/web/secret',
    mode: '0600',
    owner: 'root',
    group: 'root',
    content: 'K="v"\n',
    opaque: true,
  },
  { kind: 'unit', name: 'web.service', enabled: true, active: true, app: 'web', runsFrom: [unit, '/opt/web/current'] },
]
const state = hostState([app('web')], resources)
const release = '/opt/web/releases/d1'

function changed(change: (observed: Observed) => void) {
  const observed = asWanted(state)
  change(observed)
  return planHost(state, observed)
}

const names = (plan: ReturnType<typeof planHost>) =>
  plan.changes.map(({ summary }) => `${summary.action} ${summary.kind} ${summary.name}`)

describe('a plan', () => {
  test('is empty for a host that is as wanted', () => {
    const plan = planHost(state, asWanted(state))
    expect(plan.changes).toEqual([])
    expect(plan.started).toEqual([])
  })

  test('of a bare host names everything once, packages before accounts before files before units', () => {
    const plan = planHost(state, bare())
    expect(names(plan)).toEqual([
      'install package curl',
      'create user web',
      'create directory /var/lib/web',
      'create release /opt/web/releases/d1',
      'create link /opt/web/current',
      `create file ${unit}`,
      'create file /etc/streamside/apps/web/secret',
      'enable unit web.service',
      'start unit web.service',
    ])
    expect(plan.started).toEqual(['web'])
  })

  test('names an edited file with its diff, and makes sure that it still is as it was seen', () => {
    const plan = changed(({ paths }) => {
      paths.set(unit, {
        type: 'file',
        mode: '0644',
        owner: 'root',
        group: 'root',
        size: 3,
        sha256: 'other',
        content: Buffer.from('[X]\n'),
      })
    })
    expect(names(plan)).toEqual([`update file ${unit}`, 'restart unit web.service'])
    expect(plan.changes[0]?.summary.diff).toContain('-[X]\n+[Unit]')
    expect(plan.attendant).toContainEqual({ verb: 'expect', fields: [unit, 'other', 'root'] })
  })

  test('never shows what a secret file holds or held', () => {
    const path = '/etc/streamside/apps/web/secret'
    const plan = changed(({ paths }) => {
      paths.set(path, {
        type: 'file',
        mode: '0600',
        owner: 'root',
        group: 'root',
        size: 3,
        sha256: 'x',
        content: Buffer.from('K="old"'),
      })
    })
    expect(JSON.stringify(plan.changes.map(({ summary }) => summary))).not.toMatch(/old|K=/)
  })

  test('forgets what a unit was started from before it puts back a file that the unit may be running from', () => {
    const plan = changed(({ paths }) => paths.delete('/opt/web/current'))
    expect(names(plan)).toEqual(['create link /opt/web/current', 'restart unit web.service'])
    expect(plan.attendant).toContainEqual({ verb: 'forget', fields: ['web.service'] })
  })

  test('forgets that before a release is put back, and not before the checks when the release is a new one', () => {
    const running = resources.map((resource) =>
      resource.kind === 'unit' ? { ...resource, runsFrom: [unit, release] } : resource,
    )
    const forgotten = (change: (observed: Observed) => void) => {
      const observed = asWanted(hostState([app('web')], running))
      change(observed)
      const { attendant } = planHost(hostState([app('web')], running), observed)
      return attendant.flatMap(({ verb, fields }) => (verb.startsWith('forget') ? [`${verb} ${fields.join(' ')}`] : []))
    }
    expect(forgotten(({ trees }) => trees.delete(release))).toEqual(['forget-first web.service'])
    expect(forgotten(({ signatures }) => signatures.clear())).toEqual(['forget-first web.service'])
    const isNew = ({ trees, signatures, started }: Observed) => {
      trees.delete(release)
      signatures.delete(release)
      started.set('web.service', 'what the earlier release comes to')
    }
    expect(forgotten(isNew)).toEqual(['forget web.service'])
  })

  test('never shows what stood where a secret was at the last run, though the file holds none any more', () => {
    const plan = changed((observed) => {
      const seen = observed.paths.get(unit)
      if (seen?.type === 'file') observed.paths.set(unit, { ...seen, sha256: 'x', content: Buffer.from('K="old"') })
      const manifest = JSON.parse(observed.manifest ?? '') as { files: Record<string, { secret?: true }> }
      manifest.files[unit] = { ...manifest.files[unit], secret: true }
      observed.manifest = JSON.stringify(manifest)
    })
    expect(plan.changes[0]?.summary).toMatchObject({ name: unit, reason: 'content' })
    expect(plan.changes[0]?.summary).not.toHaveProperty('diff')
    expect(JSON.parse(plan.manifest)).toMatchObject({
      files: { [unit]: { as: 'root' }, '/etc/streamside/apps/web/secret': { secret: true } },
    })
  })

  test.each(['{"v":1', null])(
    'nor what stands there when the record is %s, for nobody knows then what it held',
    (record) => {
      const plan = changed((observed) => {
        const content = Buffer.from('# Written by streamside \npw = old')
        const seen = observed.paths.get(unit)
        if (seen?.type === 'file') observed.paths.set(unit, { ...seen, sha256: 'x', content })
        observed.manifest = record
      })
      expect(plan.changes[0]?.summary).toMatchObject({ name: unit, reason: 'content' })
      expect(JSON.stringify(plan.changes.map(({ summary }) => summary))).not.toContain('old')
    },
  )

  test('leaves a folder outside of the app alone when it is there, and makes it when it is not', () => {
    const folder = { kind: 'directory', path: '/srv/data', mode: '0750', owner: 'web', group: 'web' } as const
    const outside = hostState([app('web')], [...resources, { ...folder, onlyMade: true }])
    const observed = asWanted(outside)
    observed.paths.set('/srv/data', { type: 'directory', mode: '1777', owner: 'nobody', group: 'root' })
    expect(names(planHost(outside, observed))).toEqual([])
    observed.paths.delete('/srv/data')
    expect(names(planHost(outside, observed))).toEqual(['create directory /srv/data'])
  })

  test.each([
    ['a mode', '0777', 'root', 'mode 0777 → 0644'],
    ['an owner', '0644', 'pi', 'owner pi:root → root:root'],
  ])('names %s that was changed', (_, mode, owner, reason) => {
    const plan = changed(({ paths }) => {
      const seen = paths.get(unit)
      if (seen?.type === 'file') paths.set(unit, { ...seen, mode, owner })
    })
    expect(plan.changes.map(({ summary }) => summary.reason)).toEqual([reason])
  })

  test('restarts a running unit exactly when what it was started from is not what it should run from', () => {
    const plan = changed(({ started }) => started.set('web.service', 'older'))
    expect(names(plan)).toEqual(['restart unit web.service'])
    expect(plan.started).toEqual(['web'])
  })

  test('starts a unit that is down, waits for its health, and does not restart it on top', () => {
    const plan = changed(({ units, started }) => {
      const seen = units.get('web.service')
      if (seen) units.set('web.service', { ...seen, activeState: 'failed', subState: 'failed' })
      started.delete('web.service')
    })
    expect(names(plan)).toEqual(['start unit web.service'])
    expect(plan.attendant.filter(({ verb }) => verb === 'health')).toHaveLength(1)
  })

  test('lays a damaged release again, and one whose record is gone', () => {
    expect(names(changed(({ trees }) => trees.set('/opt/web/releases/d1', { stat: 'other', content: null })))).toEqual([
      'update release /opt/web/releases/d1',
    ])
    expect(names(changed(({ signatures }) => signatures.clear()))).toEqual(['update release /opt/web/releases/d1'])
  })

  test('knows a release of before for as it was laid, so that it is not sent again when it comes back', () => {
    const before = '/opt/web/releases/d0'
    const plan = changed(({ signatures, paths }) => {
      signatures.set(before, { stat: 's', content: 'c', digest: 'd0' })
      signatures.set('/opt/other/releases/d9', { stat: 's', content: 'c', digest: 'd9' })
      paths.delete(unit)
    })
    const recorded = plan.attendant.flatMap(({ verb, fields }) => (verb === 'signature' ? [fields] : []))
    expect(recorded).toContainEqual([before, 'd0', 's', 'c'])
    expect(recorded.map(([path]) => path)).not.toContain('/opt/other/releases/d9')
  })

  test('finds by content what a failing card changed behind unchanged times', () => {
    const plan = changed(({ trees }) => trees.set('/opt/web/releases/d1', { stat: 's', content: 'rotten' }))
    expect(plan.changes[0]?.summary.reason).toBe('its content is damaged')
  })

  test('removes a file that an app had and has no more, and nothing that it never laid', () => {
    const plan = changed((observed) => {
      const manifest = JSON.parse(observed.manifest ?? '') as { files: Record<string, unknown> }
      manifest.files['/var/lib/web/old.yml'] = { as: 'web', app: 'web' }
      observed.manifest = JSON.stringify(manifest)
    })
    expect(names(plan)).toEqual(['remove file /var/lib/web/old.yml'])
  })

  test('leaves an app that left the inventory as it is, says so, and keeps it on record', () => {
    const plan = changed((observed) => {
      const manifest = JSON.parse(observed.manifest ?? '') as { apps: string[]; files: Record<string, unknown> }
      manifest.apps.push('gone')
      manifest.apps.sort()
      const gone = ['/etc/systemd/system/gone.service', { as: 'root', app: 'gone' }] as const
      manifest.files = Object.fromEntries(
        [...Object.entries(manifest.files), gone].sort(([a], [b]) => (a < b ? -1 : 1)),
      )
      observed.manifest = JSON.stringify(manifest)
    })
    expect(plan.changes).toEqual([])
    expect(plan.warnings.map(({ code }) => code)).toEqual(['app-left'])
    expect(plan.manifest).toContain('gone.service')
  })

  test('warns of ephemeral storage that has less than three times the room of its databases', () => {
    const small = app('cache', { storage: { kind: 'ephemeral', sizeBytes: 30 << 20 }, databases: { main: '/d' } })
    const warned = (bytes: number) => {
      const observed = bare()
      observed.databases.set('/d', { bytes, owner: 'cache', group: 'cache', mode: '600' })
      return planHost(hostState([small], []), observed).warnings.map(({ code }) => code)
    }
    expect(warned(10 << 20)).toEqual([])
    expect(warned((10 << 20) + 1)).toEqual(['ephemeral-small'])
  })

  test('refuses to replace what is not ours: a folder where a file has to go', () => {
    const observed = asWanted(state)
    observed.paths.set(unit, { type: 'directory', mode: '0755', owner: 'root', group: 'root' })
    expect(planHost(state, observed).refused).toMatchObject([{ code: 'in-the-way', found: 'a folder stands there' }])
  })

  test('cleans up after a transaction that was cut off, even when nothing else is to be done', () => {
    const plan = changed(({ transactions }) =>
      transactions.push({ id: 't1', state: 'interrupted', attended: false, who: 'me' }),
    )
    expect(names(plan)).toEqual(['remove transaction t1'])
  })
})
