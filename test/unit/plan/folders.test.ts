import { describe, expect, test } from 'vitest'
import { impliedFolder } from '../../../src/desired/resources.ts'
import { planHost } from '../../../src/plan/plan.ts'
import { app } from '../inventory/made.ts'
import { asWanted, hostState } from './hosts.ts'

describe('a folder that comes with what lies in it', () => {
  const folder = impliedFolder('/opt/web', '0755', { mayBeLink: true })
  const below = impliedFolder('/opt/web/releases', '0755')
  const laid = hostState([app('web')], [folder, below])
  const planned = (path: string, change: object | null) => {
    const observed = asWanted(laid)
    const seen = observed.paths.get(path)
    if (change === null) observed.paths.delete(path)
    else if (seen) observed.paths.set(path, { ...seen, ...change })
    const { changes, refused } = planHost(laid, observed)
    return [...changes.map(({ summary }) => summary.reason), ...refused.map(({ found }) => found)]
  }

  test('is not missed, and gets its owner and mode back without a restart', () => {
    expect(planned(folder.path, {})).toEqual([])
    expect(planned(below.path, null)).toEqual([])
    expect(planned(folder.path, { owner: 'zed' })).toEqual(['owner zed:root → root:root'])
    expect(planned(below.path, { mode: '0777' })).toEqual(['mode 0777 → 0755'])
  })

  test('may lie elsewhere only where nobody but root can have put the link', () => {
    expect(planned(folder.path, { type: 'link', target: '/srv/web' })).toEqual([])
    expect(planned(below.path, { type: 'link', target: '/home/zed' })).toEqual(['a link stands there'])
  })
})

describe('the state folder of an app that was never here', () => {
  const folder = { kind: 'directory', path: '/var/lib/web', mode: '0750', owner: 'web', group: 'web' } as const
  const laid = hostState([app('web')], [folder])
  const planned = (owner: string, manifest: string | null = null) => {
    const observed = asWanted(laid)
    observed.manifest = manifest
    observed.paths.set(folder.path, { type: 'directory', mode: '0755', owner, group: owner })
    const { changes, refused } = planHost(laid, observed)
    return { reasons: changes.map(({ summary }) => summary.reason), refused: refused.map(({ code }) => code) }
  }

  test.each(['honey', 'pi'])('is not taken from the account %s, whose service may have its database open', (owner) => {
    expect(planned(owner)).toMatchObject({ refused: ['in-the-way'] })
  })

  test.each(['root', 'UNKNOWN', '4711'])('is taken over from %s, who has put it there for it', (owner) => {
    const { reasons, refused } = planned(owner)
    expect([refused, reasons.some((reason) => reason.includes(`owner ${owner}:${owner} → web:web`))]).toEqual([
      [],
      true,
    ])
  })

  test('is given back to an app that is here, whoever got it', () => {
    const manifest = JSON.stringify({ v: 1, apps: ['web'], files: {}, metrics: {} })
    expect(planned('honey', manifest).refused).toEqual([])
  })
})

describe('a folder outside of the state directory', () => {
  const folder = {
    kind: 'directory',
    path: '/srv/web',
    mode: '0750',
    owner: 'web',
    group: 'web',
    onlyMade: true,
    ownOnceMade: true,
  } as const
  const laid = hostState([app('web')], [folder])
  const seenAs = (owner: string, manifest: string | null) => {
    const observed = asWanted(laid)
    observed.manifest = manifest
    observed.paths.set(folder.path, { type: 'directory', mode: '0750', owner, group: owner })
    return planHost(laid, observed).changes.filter(({ summary }) => summary.kind === 'directory')
  }

  test('that streamside has made is its own from then on: what somebody does to it is mended', () => {
    const bareHost = asWanted(laid)
    bareHost.paths.delete(folder.path)
    const { manifest } = planHost(laid, bareHost)
    expect(JSON.parse(manifest)).toMatchObject({ folders: ['/srv/web'] })
    expect(seenAs('nobody', manifest).map(({ summary }) => summary.reason)).toEqual(['owner nobody:nobody → web:web'])
    expect(seenAs('web', manifest)).toEqual([])
  })

  test('that was there is somebody’s, and stays as it is', () => {
    expect(seenAs('nobody', asWanted(laid).manifest)).toEqual([])
  })
})
