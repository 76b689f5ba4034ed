import { describe, expect, test } from 'vitest'
import { dropInPath, serviceResources } from '../../../src/desired/service.ts'
import type { Observed, ObservedDatabase } from '../../../src/host/observed.ts'
import type { App } from '../../../src/inventory/model.ts'
import { planHost } from '../../../src/plan/plan.ts'
import { serviceFacts } from '../../../src/plan/services.ts'
import type { Problem } from '../../../src/problem.ts'
import { Secret } from '../../../src/inventory/secret.ts'
import { app, host } from '../inventory/made.ts'
import { bare, hostState } from './hosts.ts'

const file = '/var/lib/vnstat/vnstat.db'
const vnstat = (more: Partial<App> = {}): App =>
  app('traffic', {
    release: null,
    service: { unit: 'vnstat.service', package: 'vnstat', from: null, user: null },
    databases: { main: file },
    ...more,
  })
const wal: ObservedDatabase = { bytes: 1, owner: 'vnstat', group: 'vnstat', journal: 'wal' }

const up = {
  loadState: 'loaded',
  activeState: 'active',
  subState: 'running',
  fragmentPath: '',
  dropInPaths: [],
  needsReload: false,
  result: '',
}
const standing = {
  type: 'file',
  mode: '0644',
  owner: 'root',
  group: 'root',
  size: 3,
  sha256: 'f'.repeat(64),
  content: null,
} as const

interface Seen {
  database?: ObservedDatabase | null
  unit?: Record<string, string>
  own?: Record<string, string>
  manifest?: object
  installed?: boolean
}
function seen({ database = wal, unit = {}, own = {}, manifest, installed = true }: Seen = {}): Observed {
  const properties = {
    Id: 'vnstat.service',
    LoadState: 'loaded',
    ActiveState: 'active',
    UnitFileState: 'enabled',
    Type: 'simple',
    RemainAfterExit: 'no',
    User: 'vnstat',
    DynamicUser: 'no',
    ...unit,
  }
  return {
    ...bare(),
    packages: new Map(installed ? [['vnstat', '2.10']] : []),
    databases: new Map(database ? [[file, database]] : []),
    services: new Map([
      ['vnstat.service', { properties: new Map(Object.entries(properties)), own: new Map(Object.entries(own)) }],
    ]),
    serviceAccounts: new Map([['vnstat', { uid: 100, gid: 102, group: 'vnstat' }]]),
    manifest: manifest === undefined ? null : JSON.stringify({ v: 1, apps: [], files: {}, metrics: {}, ...manifest }),
  }
}
const factsOf = (observed: Observed, of = vnstat()) => serviceFacts([of], observed, 'pi').get('traffic')
function codeOf(observed: Observed, of = vnstat()): string {
  try {
    factsOf(observed, of)
    return 'none'
  } catch (error) {
    return (error as Problem).code
  }
}
const adopted = (user = 'vnstat') => ({
  apps: ['traffic'],
  services: { traffic: { unit: 'vnstat.service', user, enabled: true, active: true } },
})
const dropIn = (observed: Observed, of = vnstat()): string => {
  const facts = factsOf(observed, of)
  if (!facts || !of.service) throw new Error('nothing is known of it')
  const laid = serviceResources({ app: of, host, service: of.service, facts }).find(
    (resource) => resource.kind === 'file' && resource.path === dropInPath('vnstat.service'),
  )
  return laid?.kind === 'file' ? String(laid.content) : ''
}

describe('a service on a host', () => {
  test("is asked about after its package is there: the package's own first start tells what it is", () => {
    expect(factsOf(seen({ installed: false, unit: { LoadState: 'not-found' } }))).toBe(null)
  })

  test('gives Litestream the user that its files belong to, else the one of its unit', () => {
    expect(factsOf(seen())?.account).toEqual({ user: 'vnstat', group: 'vnstat', uid: 100, gid: 102 })
    const switched = vnstat({ litestream: { ...vnstat().litestream, switchToWal: true } })
    expect(factsOf(seen({ database: null }), switched)?.account.user).toBe('vnstat')
  })

  test('keeps that user when somebody gives its files to another, which is drift', () => {
    const observed = seen({ database: { ...wal, owner: 'root', group: 'root' }, manifest: adopted() })
    expect(factsOf(observed)?.account.user).toBe('vnstat')
    const facts = factsOf(observed)
    if (!facts) throw new Error('nothing is known of it')
    const state = {
      ...hostState([vnstat()], []),
      services: new Map([['traffic', facts]]),
      accounts: new Map([['traffic', facts.account]]),
    }
    expect(planHost(state, observed).changes.map(({ step }) => [step.verb, ...step.fields])).toEqual([
      ['own', 'vnstat:vnstat', file],
    ])
  })

  test.each([
    ['service-unknown', { unit: { LoadState: 'not-found' } }],
    ['service-alias', { unit: { Id: 'vnstatd.service' } }],
    ['service-masked', { unit: { LoadState: 'masked' } }],
    ['service-dynamic-user', { unit: { DynamicUser: 'yes' } }],
    ['service-user-unknown', { database: { ...wal, owner: 'nobody-here' } }],
    ['service-not-wal', { database: { ...wal, journal: 'rollback' } }],
    ['service-not-wal', { database: null }],
    ['none', { database: null, manifest: adopted() }],
    ['service-not-wal', { database: { ...wal, journal: 'rollback' }, manifest: adopted() }],
  ] as [string, Seen][])('is refused as %s: %j', (code, what) => {
    expect(codeOf(seen(what))).toBe(code)
  })

  test('that runs as root at first may give its databases to anybody: the inventory says to whom', () => {
    const switched = { litestream: { ...vnstat().litestream, switchToWal: true } }
    expect(codeOf(seen({ database: null, unit: { User: '' } }), vnstat(switched))).toBe('service-user-unknown')
    const said = vnstat({ ...switched, service: { ...vnstat().service!, user: 'vnstat' } })
    expect(factsOf(seen({ database: null, unit: { User: '' } }), said)?.account.user).toBe('vnstat')
  })
})

describe('the drop-in over its unit', () => {
  test('puts the gate before all of its own commands, and comes up by itself', () => {
    const text = dropIn(seen())
    expect(text).toMatch(/^ExecCondition=\+\/usr\/local\/lib\/streamside\/launch start-gate.sh traffic 255$/m)
    expect(text).toMatch(/^StartLimitIntervalSec=0$/m)
    expect(text).toMatch(/^Restart=on-failure$/m)
    expect(text).toMatch(/^RestartSec=5$/m)
    expect(text).not.toMatch(/^(TimeoutStopSec|RestartPreventExitStatus|MemoryDenyWriteExecute|Protect|Private)/m)
  })

  test("makes nothing less of what the unit's own files say", () => {
    const own = { Restart: 'always', RestartSec: '2', RestartPreventExitStatus: '0 255', TimeoutStopSec: '5' }
    const text = dropIn(seen({ own }))
    expect(text).not.toMatch(/^Restart(Sec)?=/m)
    expect(text).toMatch(/^TimeoutStopSec=60$/m)
    expect(text).toMatch(/^RestartPreventExitStatus=$/m)
    for (const long of ['90', '5min', 'infinity', '0'])
      expect(dropIn(seen({ own: { TimeoutStopSec: long } }))).not.toMatch(/^TimeoutStopSec/m)
    expect(dropIn(seen({ own: { Restart: 'on-success' } }))).toMatch(/^Restart=always$/m)
  })
})

describe('what the inventory adds to a service', () => {
  const withFile = vnstat({
    environment: { MODE: 'quiet', TOKEN: new Secret('token', 'open sesame') },
    files: { '/etc/traffic/more.conf': { from: import.meta.filename, mode: '0640', template: false } },
  })
  const resourcesOf = (of: App, observed = seen()) => {
    const facts = factsOf(observed, of)
    if (!facts || !of.service) throw new Error('nothing is known of it')
    return serviceResources({ app: of, host, service: of.service, facts })
  }
  const unitOf = (of: App) => resourcesOf(of).find((resource) => resource.kind === 'unit')

  test('is its environment: files that root alone reads, and no secret beside what is shown', () => {
    const text = dropIn(seen(), withFile)
    expect(text.match(/^EnvironmentFile=.*$/gm)).toEqual([
      'EnvironmentFile=/etc/streamside/apps/traffic/app.env',
      'EnvironmentFile=/etc/streamside/apps/traffic/app.secret.env',
    ])
    expect(text).not.toContain('sesame')
    const files = resourcesOf(withFile).filter((resource) => resource.kind === 'file')
    expect(files.filter(({ path }) => path.endsWith('.env'))).toMatchObject([
      { mode: '0600', owner: 'root', content: 'MODE="quiet"\n' },
      { mode: '0600', owner: 'root', content: 'TOKEN="open sesame"\n', opaque: true },
    ])
    expect(dropIn(seen())).not.toContain('EnvironmentFile')
  })

  test('are files of root, for the group of its databases; a folder that is there stays as it is', () => {
    const resources = resourcesOf(withFile)
    expect(resources).toContainEqual(
      expect.objectContaining({ path: '/etc/traffic/more.conf', owner: 'root', group: 'vnstat', mode: '0640' }),
    )
    expect(resources).toContainEqual(expect.objectContaining({ path: '/etc/traffic', onlyMade: true, owner: 'root' }))
  })

  test('is what it is restarted for', () => {
    expect(unitOf(withFile)).toMatchObject({
      runsFrom: [
        '/etc/streamside/apps/traffic/app.env',
        '/etc/streamside/apps/traffic/app.secret.env',
        '/etc/traffic/more.conf',
        dropInPath('vnstat.service'),
      ],
    })
  })

  test("takes no package's file's place, nor anybody's", () => {
    const observed = { ...seen(), paths: new Map([['/etc/traffic/more.conf', standing]]) }
    const facts = factsOf(observed, withFile)
    const state = { ...hostState([withFile], resourcesOf(withFile)), services: new Map([['traffic', facts!]]) }
    expect(() => planHost(state, observed)).toThrow(expect.objectContaining({ code: 'in-the-way' }))
    const ours = { '/etc/traffic/more.conf': { as: 'root', app: 'traffic' } }
    const laid = { ...seen({ manifest: { ...adopted(), files: ours } }), paths: observed.paths }
    expect(planHost(state, laid).changes.map(({ summary }) => summary.name)).toContain('/etc/traffic/more.conf')
  })

  test('without a database is laid with no gate, and recorded at its start', () => {
    const text = dropIn(seen(), { ...withFile, databases: {} })
    expect(text).toContain('ExecStartPre=+/usr/local/lib/streamside/launch record-start.sh traffic vnstat.service')
    expect(text).not.toMatch(/start-gate|stopped|Litestream|TimeoutStartSec|\[Unit\]/)
    expect(dropIn(seen(), vnstat({ databases: {} }))).toBe('')
  })
})

test('a service from which all is taken that was laid over it is restarted without that, once', () => {
  const plain = vnstat({ databases: {} })
  const unit = { ...up, unitFileState: 'enabled' }
  const steps = (started: [string, string][]) => {
    const observed = {
      ...seen({
        manifest: { ...adopted(), files: { [dropInPath('vnstat.service')]: { as: 'root', app: 'traffic' } } },
      }),
      units: new Map([['vnstat.service', unit]]),
      started: new Map(started),
    }
    const facts = factsOf(observed, plain)!
    const resources = serviceResources({ app: plain, host, service: plain.service!, facts })
    const plan = planHost({ ...hostState([plain], resources), services: new Map([['traffic', facts]]) }, observed)
    return [...plan.changes, ...plan.attendant.map((step) => ({ step }))].map(
      ({ step }) => `${step.verb} ${step.fields[0]}`,
    )
  }
  const all = steps([['vnstat.service', 'a digest']])
  expect(all).toEqual(
    expect.arrayContaining([
      `remove ${dropInPath('vnstat.service')}`,
      'restart vnstat.service',
      'forget vnstat.service',
    ]),
  )
  expect(steps([])).not.toContain('restart vnstat.service')
})

test('a switch to WAL mode has a line of its own in the plan, once', () => {
  const switched = vnstat({ litestream: { ...vnstat().litestream, switchToWal: true } })
  const rollback = { ...wal, journal: 'rollback' as const }
  const lines = (observed: Observed) => {
    const facts = factsOf(observed, switched)!
    const state = {
      ...hostState([switched], []),
      services: new Map([['traffic', facts]]),
      accounts: new Map([['traffic', facts.account]]),
    }
    return planHost(state, observed).changes.map(({ summary }) => `${summary.kind} ${summary.name}: ${summary.reason}`)
  }
  const line = `database ${file}: is switched to WAL mode while vnstat.service is down (wal: switch)`
  expect(lines(seen({ database: rollback }))).toContain(line)
  expect(lines(seen())).not.toContain(line)
  expect(lines(seen({ database: rollback, manifest: adopted() }))).not.toContain(line)
})

describe('a service that leaves', () => {
  const files = { [dropInPath('vnstat.service')]: { as: 'root', app: 'traffic' } }
  const left = (before: object) => {
    const services = { traffic: { ...adopted().services.traffic, ...before } }
    const plan = planHost(
      hostState([], []),
      seen({ manifest: { ...adopted(), files, services } }),
      new Set(['traffic']),
    )
    expect(plan.warnings).toEqual([expect.objectContaining({ code: 'given-back', app: 'traffic' })])
    expect(JSON.parse(plan.manifest)).toEqual({ v: 1, apps: [], files: {}, metrics: {} })
    return plan.changes.map(({ step }) => [step.verb, ...step.fields].join(' '))
  }

  test('is let go of, has its drop-in taken away, and goes on', () => {
    expect(left({})).toEqual([
      'leave traffic vnstat.service given-back',
      `remove ${dropInPath('vnstat.service')} root`,
      'purge /opt/traffic',
      'purge /etc/streamside/apps/traffic',
      'start vnstat.service',
    ])
  })

  test('stays down, and off at boot, when it was so before', () => {
    expect(left({ enabled: false, active: false }).slice(-1)).toEqual(['disable vnstat.service'])
  })
})
