import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { dropInPath } from '../../../src/desired/service.ts'
import type { Observed } from '../../../src/host/observed.ts'
import { planHost } from '../../../src/plan/plan.ts'
import type { Problem } from '../../../src/problem.ts'
import { hostState } from './hosts.ts'
import { adopted, dropIn, factsOf, file, type Seen, seen, vnstat, wal } from './vnstat.ts'

function codeOf(observed: Observed, of = vnstat()): string {
  try {
    factsOf(observed, of)
    return 'none'
  } catch (error) {
    return (error as Problem).code
  }
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

  test('leaves a file to the user that it runs as, where its databases are another’s: it could not open it any more', () => {
    const observed = seen({
      unit: { User: 'clerk' },
      database: { ...wal, owner: 'clerk', group: 'shelf' },
      manifest: adopted(),
    })
    const facts = factsOf(observed)
    if (!facts) throw new Error('nothing is known of it')
    expect(facts.account.user).toBe('vnstat')
    const state = {
      ...hostState([vnstat()], []),
      services: new Map([['traffic', facts]]),
      accounts: new Map([['traffic', facts.account]]),
    }
    const plan = planHost(state, observed)
    expect(plan.changes.filter(({ step }) => step.verb === 'own')).toEqual([])
    expect(plan.warnings).toEqual([
      expect.objectContaining({ code: 'database-of-service', next: expect.stringContaining('chown vnstat ') }),
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

  test('with a unit file of the user is enabled by us where that says when it starts, and else waits for whoever wants it', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'streamside-unit-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const from = path.join(folder, 'vnstat.service')
    const facts = (install: string) => {
      writeFileSync(from, `[Service]\nUser=vnstat\nExecStart=/bin/true\n${install}`)
      const found = factsOf(seen(), vnstat({ service: { ...vnstat().service!, package: null, from } }))
      return [found?.unitFileState, found?.onDemand]
    }
    expect(facts('[Install]\nWantedBy=multi-user.target\n')).toEqual(['', false])
    expect(facts('')).toEqual(['static', true])
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
