import { describe, expect, test } from 'vitest'
import { countdown } from '../../../src/host/countdown.ts'

const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe('a countdown', () => {
  test('aborts with its reason when the time is over', async () => {
    const limit = countdown(0.05, () => 'too late')
    await after(100)
    expect(limit.signal.aborted).toBe(true)
    expect(limit.signal.reason).toBe('too late')
  })

  test('stands still while somebody is asked, also when two are', async () => {
    const limit = countdown(0.1, () => 'too late')
    const answers = await Promise.all([limit.paused(() => after(150)), limit.paused(() => after(250))])
    expect(answers).toHaveLength(2)
    expect(limit.signal.aborted).toBe(false)
    await after(150)
    expect(limit.signal.aborted).toBe(true)
  })

  test('goes on after a question that failed', async () => {
    const limit = countdown(0.05, () => 'too late')
    await expect(limit.paused(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    await after(100)
    expect(limit.signal.aborted).toBe(true)
  })

  test('never aborts once it is stopped, or has no end', async () => {
    const stopped = countdown(0.02, () => 'too late')
    stopped.stop()
    const endless = countdown(Infinity, () => 'too late')
    await after(60)
    expect([stopped.signal.aborted, endless.signal.aborted]).toEqual([false, false])
  })
})
