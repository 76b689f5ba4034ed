import { describe, expect, test } from 'vitest'
import { programsDirectory, versionLink } from '../../../src/desired/base.ts'
import type { Resource } from '../../../src/desired/resources.ts'
import { planHost } from '../../../src/plan/plan.ts'
import { app } from '../inventory/made.ts'
import { asWanted, emptyFile, hostState } from './hosts.ts'

const unit = (name: string, of: string): Resource => ({
  kind: 'unit',
  name,
  enabled: true,
  active: true,
  app: of,
  runsFrom: [],
})
const of = (name: string, more: Resource[] = []) => [
  emptyFile(`/etc/systemd/system/${name}.service`),
  emptyFile(`/etc/streamside/apps/${name}/app.env`),
  unit(`${name}.service`, name),
  ...more,
]
const mount = 'var-lib-old-data.mount'
const before = hostState(
  [app('old', { replica: 'nas' }), app('stays')],
  [...of('old', [emptyFile(`/etc/systemd/system/${mount}`), unit(mount, 'old')]), ...of('stays')],
)
const after = hostState([app('stays')], of('stays'))

const plan = (prune: string[] = []) => planHost(after, asWanted(before), new Set(prune))
const changes = (of: ReturnType<typeof plan>) =>
  of.changes.map(({ summary }) => `${summary.action} ${summary.kind} ${summary.name}`)

describe('an app that left the inventory', () => {
  test('runs on as it is until somebody says that it is to go, its ephemeral storage too', () => {
    expect(changes(plan())).toEqual([])
    expect(plan().leaving).toEqual(['old'])
    expect(plan().warnings).toEqual([expect.objectContaining({ code: 'app-left', app: 'old' })])
    expect(JSON.parse(plan().manifest)).toEqual(JSON.parse(asWanted(before).manifest ?? ''))
  })

  test('for another host is not told to go: nothing moves its data there yet', () => {
    const moved = { ...after, elsewhere: new Map([['old', { name: 'old', hosts: ['attic'] }]]) }
    expect(planHost(moved, asWanted(before)).warnings).toEqual([
      expect.objectContaining({
        code: 'app-left',
        next: expect.stringMatching(/^the inventory has it on attic,.* not built yet/),
      }),
    ])
  })

  test('and had an instance of its own here leaves with that, though the inventory has the app on another host now', () => {
    const own = app('old', { replica: 'nas', databases: { main: '/d' }, instancePerHost: true })
    const observed = asWanted(hostState([own], of('old')))
    const elsewhere = new Map([['old', { name: 'old', hosts: ['attic'] }]])
    expect(planHost({ ...hostState([], []), elsewhere }, observed).warnings).toEqual([
      expect.objectContaining({
        code: 'app-left',
        next: expect.stringMatching(/^remove it from the host with --prune/),
      }),
    ])
  })

  test('that was the last one, and runs on, keeps the programs and the authority that it needs', () => {
    const programs = (version: string): Resource[] => [
      emptyFile(`${programsDirectory}/programs-${version}/record-start.sh`),
      { kind: 'link', path: versionLink, target: `${programsDirectory}/programs-${version}` },
    ]
    const authority = '/usr/local/share/streamside/nas.pem'
    const gated = [emptyFile('/etc/streamside/apps/old/gate.json'), emptyFile(authority), ...programs('gated')]
    const last = asWanted(hostState([app('old')], of('old', gated)))
    const without = planHost(hostState([], programs('small')), last)
    expect(changes(without)).toEqual([])
    expect(JSON.parse(without.manifest)).toEqual(JSON.parse(last.manifest ?? ''))
    expect(changes(planHost(hostState([], programs('small')), last, new Set(['old'])))).toEqual(
      expect.arrayContaining([`update link ${versionLink}`, `remove file ${authority}`]),
    )
  })

  test('is let go first, then its units stop and its files go; its data and its user stay', () => {
    const pruned = plan(['old'])
    expect(changes(pruned)).toEqual([
      'remove app old',
      'stop unit old.service',
      `stop unit ${mount}`,
      'remove file /etc/streamside/apps/old/app.env',
      'remove file /etc/systemd/system/old.service',
      `remove file /etc/systemd/system/${mount}`,
      'remove directory /opt/old',
      'remove directory /etc/streamside/apps/old',
    ])
    expect(pruned.warnings).toEqual([
      expect.objectContaining({
        code: 'data-left',
        app: 'old',
        message:
          'old leaves this host; /var/lib/old, its user and its replica (nas, old) are left, and databases that lie elsewhere',
      }),
    ])
    expect(JSON.parse(pruned.manifest)).toEqual(JSON.parse(asWanted(after).manifest ?? ''))
  })

  test('and has no database has no replica: nothing is proven, and none is said to stay', () => {
    const observed = asWanted(hostState([app('old')], of('old')))
    expect(planHost(hostState([], []), observed).warnings[0]?.next).toContain('(its data stay)')
    const pruned = planHost(hostState([], []), observed, new Set(['old']))
    expect(pruned.changes[0]?.summary.reason).toBe('no longer in the inventory')
    expect(pruned.warnings[0]?.message).toBe('old leaves this host; /var/lib/old and its user are left')
  })

  test('names its databases that lie elsewhere, for nobody else does from then on', () => {
    const databases = { main: '/var/lib/old/a.db', other: '/srv/old/b.db' }
    const own = app('old', { databases, replica: 'nas' })
    const pruned = planHost(hostState([], []), asWanted(hostState([own], of('old'))), new Set(['old']))
    expect(pruned.warnings[0]?.message).toContain(
      '/var/lib/old, /srv/old/b.db, its user and its replica (nas, old) are left',
    )
  })

  test('takes the programs that let it go with it last: cut off in the middle, it lets go with them once more', () => {
    const programs = [emptyFile('/usr/local/lib/streamside/launch'), emptyFile('/etc/streamside/apps.md')]
    const last = hostState([app('old')], [...of('old'), ...programs])
    const removed = changes(planHost(hostState([], []), asWanted(last), new Set(['old'])))
      .filter((line) => line.startsWith('remove file '))
      .map((line) => line.replace('remove file ', ''))
    expect(removed).toHaveLength(4)
    expect(new Set(removed.slice(2))).toEqual(new Set(programs.map((each) => 'path' in each && each.path)))
  })
})
