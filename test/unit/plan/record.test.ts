import { describe, expect, test } from 'vitest'
import type { Observed } from '../../../src/host/observed.ts'
import { planHost } from '../../../src/plan/plan.ts'
import { app } from '../inventory/made.ts'
import { asWanted, bare, emptyFile, hostState } from './hosts.ts'

const state = hostState([app('web')], [emptyFile('/etc/systemd/system/web.service')])

function warned(change: (observed: Observed) => void, observed = asWanted(state)) {
  change(observed)
  return planHost(state, observed).warnings.filter(({ code }) => code === 'record-damaged')
}

describe('the record of what is managed on a host', () => {
  test.each([
    ['cut off', '{"v":1,"apps":["web","ol'],
    ['garbage', '\u0000\u0000'],
    ['not an object', 'null'],
    ['of another version', '{"v":9,"apps":[]}'],
    ['with other content', '{"v":1,"apps":{"web":1}}'],
    ['with other files', '{"v":1,"apps":["web"],"files":[]}'],
    ['with an app that is none', '{"v":1,"apps":["web",null]}'],
    ['with a file that is none', '{"v":1,"apps":["web"],"files":{"/etc/x":null}}'],
    ['with a file of nobody', '{"v":1,"apps":["web"],"files":{"/etc/x":{"app":"web"}}}'],
    ['with a port that is none', '{"v":1,"apps":["web"],"metrics":{"web":"9"}}'],
    ['with data that are none', '{"v":1,"apps":["web"],"data":{"web":null}}'],
    ['with data without databases', '{"v":1,"apps":["web"],"data":{"web":{"databases":null,"storage":"persistent"}}}'],
    ['with a database that is nowhere', '{"v":1,"apps":["web"],"data":{"web":{"databases":{"a":1},"storage":"x"}}}'],
    ['with a service that is none', '{"v":1,"apps":["web"],"services":{"web":{"unit":"web.service"}}}'],
    ['with replicas that are none', '{"v":1,"apps":["web"],"replicas":{"web":null}}'],
    ['with earlier names that are none', '{"v":1,"apps":["web"],"was":{"web":{}}}'],
  ])('is told of when it is damaged: %s', (_, manifest) => {
    const [warning] = warned((observed) => (observed.manifest = manifest))
    expect(warning?.message).toMatch(/manifest.* is damaged: apps that have left the inventory.*are not known/)
    expect(warning?.next).toMatch(/ls \/etc\/streamside\/apps \/opt.*put such an app back/)
  })

  test('is told of when it is gone from a host that was set up, with what is seen of apps that left', () => {
    const [warning] = warned((observed) => {
      observed.manifest = null
      observed.signatures.set('/opt/old/releases/d1', { stat: 's', content: 'c', digest: 'd1' })
    })
    expect(warning?.message).toMatch(/is gone or empty: .*; of old there is still a release$/)
    const claimed = (observed: Observed) =>
      observed.apps.set('web', { claimed: true, claimPath: null, reason: null, releases: [] })
    expect(warned(claimed, bare())).toHaveLength(1)
    expect(warned((observed) => observed.started.set('web.service', 'd'), bare())).toHaveLength(1)
  })

  test('is not missed where streamside has never come to its end', () => {
    expect(warned(() => {}, bare())).toEqual([])
    const cut = (observed: Observed) => {
      observed.started.set('web.service', 'd')
      observed.transactions.push({ id: 't', state: 'interrupted', attended: false, who: '' })
    }
    expect(warned(cut, bare())).toEqual([])
  })

  test('is not spoken of when it is sound', () => {
    expect(warned(() => {})).toEqual([])
  })
})
