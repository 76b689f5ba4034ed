import { dropInPath, serviceResources } from '../../../src/desired/service.ts'
import type { Observed, ObservedDatabase } from '../../../src/host/observed.ts'
import type { App } from '../../../src/inventory/model.ts'
import { serviceFacts } from '../../../src/plan/services.ts'
import { app, host } from '../inventory/made.ts'
import { bare } from './hosts.ts'

/** A package's service as a host has it, and what streamside lays over it; each test says only what is other there. */

export const file = '/var/lib/vnstat/vnstat.db'
export const vnstat = (more: Partial<App> = {}): App =>
  app('traffic', {
    release: null,
    service: { unit: 'vnstat.service', package: 'vnstat', from: null, user: null, logsAs: [] },
    databases: { main: file },
    ...more,
  })
export const wal: ObservedDatabase = { bytes: 1, owner: 'vnstat', group: 'vnstat', mode: '600', journal: 'wal' }

export interface Seen {
  database?: ObservedDatabase | null
  unit?: Record<string, string>
  own?: Record<string, string>
  manifest?: object
  installed?: boolean
}
export function seen({ database = wal, unit = {}, own = {}, manifest, installed = true }: Seen = {}): Observed {
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
export const factsOf = (observed: Observed, of = vnstat()) => serviceFacts([of], observed, 'pi').get('traffic')
export const adopted = (user = 'vnstat') => ({
  apps: ['traffic'],
  services: { traffic: { unit: 'vnstat.service', user, enabled: true, active: true } },
})
export const dropIn = (observed: Observed, of = vnstat()): string => {
  const facts = factsOf(observed, of)
  if (!facts || !of.service) throw new Error('nothing is known of it')
  const laid = serviceResources({ app: of, host, service: of.service, facts }).find(
    (resource) => resource.kind === 'file' && resource.path === dropInPath('vnstat.service'),
  )
  return laid?.kind === 'file' ? String(laid.content) : ''
}
