import { describe, expect, test } from 'vitest'
import { createTurns } from '../../../src/rollout/turns.ts'

/** Hosts that all want these apps at once; each works for a moment. The most that were at work on one app together. */
async function run(rolling: boolean, hosts: Record<string, string[]>, failing: string[] = []) {
  const turns = createTurns(rolling)
  const atWork = new Map<string, number>()
  const most = new Map<string, number>()
  const worked: string[] = []
  const halted: Record<string, string> = {}
  await Promise.all(
    Object.entries(hosts).map(async ([host, apps]) => {
      const turn = await turns(host).take(apps)
      if ('failed' in turn) {
        halted[host] = `${turn.failed.app} on ${turn.failed.host}`
        return
      }
      worked.push(host)
      for (const app of apps) {
        const now = (atWork.get(app) ?? 0) + 1
        atWork.set(app, now)
        most.set(app, Math.max(now, most.get(app) ?? 0))
      }
      await new Promise((resolve) => setTimeout(resolve, 5))
      for (const app of apps) atWork.set(app, (atWork.get(app) ?? 0) - 1)
      turn.done(failing.includes(host) ? apps : [])
    }),
  )
  return { most: Object.fromEntries(most), worked, halted }
}

describe('the hosts of an app', () => {
  test('have their turns one after the other, whichever apps they share, and nobody waits for ever', async () => {
    const hosts = { one: ['web', 'api'], two: ['api', 'web'], three: ['web'], four: ['api'], five: [] }
    const { most, worked } = await run(true, hosts)
    expect(most).toEqual({ web: 1, api: 1 })
    expect(worked.sort()).toEqual(Object.keys(hosts).sort())
  })

  test('of other apps are not kept waiting', async () => {
    const { worked } = await run(true, { one: ['web'], two: ['web'], three: ['api'] })
    expect(worked.indexOf('three')).toBeLessThan(worked.indexOf('two'))
  })

  test('do not go on once one has failed; those of other apps do', async () => {
    const { worked, halted } = await run(true, { one: ['web'], two: ['web', 'api'], three: ['api'] }, ['one'])
    expect(worked.sort()).toEqual(['one', 'three'])
    expect(halted).toEqual({ two: 'web on one' })
  })

  test('go all at once when asked to', async () => {
    const { most, worked } = await run(false, { one: ['web'], two: ['web'], three: ['web'] }, ['one'])
    expect(most).toEqual({ web: 3 })
    expect(worked).toHaveLength(3)
  })
})
