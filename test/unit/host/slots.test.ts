import { expect, test } from 'vitest'
import { createSlots } from '../../../src/host/slots.ts'

test('no more tasks run at once than there are slots, in the order they came, also when some fail', async () => {
  const slots = createSlots(3)
  let running = 0
  let most = 0
  const order: number[] = []
  const tasks = Array.from({ length: 12 }, (_, index) =>
    slots(async () => {
      order.push(index)
      running += 1
      most = Math.max(most, running)
      await new Promise((resolve) => setTimeout(resolve, 5))
      running -= 1
      if (index % 4 === 0) throw new Error(`task ${index}`)
      return index
    }),
  )
  const ended = await Promise.allSettled(tasks)
  expect(most).toBe(3)
  expect(order).toEqual(Array.from({ length: 12 }, (_, index) => index))
  expect(ended.filter((one) => one.status === 'rejected')).toHaveLength(3)
})
