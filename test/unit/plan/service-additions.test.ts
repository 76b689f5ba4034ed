import { describe, expect, test } from 'vitest'
import { dropInPath, serviceResources } from '../../../src/desired/service.ts'
import type { Observed } from '../../../src/host/observed.ts'
import type { App } from '../../../src/inventory/model.ts'
import { Secret } from '../../../src/inventory/secret.ts'
import { planHost } from '../../../src/plan/plan.ts'
import { host } from '../inventory/made.ts'
import { hostState } from './hosts.ts'
import { adopted, dropIn, factsOf, file, seen, vnstat, wal } from './vnstat.ts'

const up = {
  loadState: 'loaded',
  activeState: 'active',
  subState: 'running',
  fragmentPath: '',
  dropInPaths: [],
  needsReload: false,
  invocation: 'a1',
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
    expect(planHost(state, observed).refused.map(({ code }) => code)).toEqual(['in-the-way'])
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
