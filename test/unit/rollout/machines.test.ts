import { expect, test } from 'vitest'
import { createMachines } from '../../../src/rollout/machines.ts'

test('a machine that answers under a second name is refused there, and not under its first', () => {
  const answered = createMachines()
  answered('attic', 'm1')
  answered('cellar', 'm2')
  // looked at once more, after a transaction
  answered('attic', 'm1')
  for (const _ of [1, 2])
    expect(() => answered('shop', 'm1')).toThrow(
      expect.objectContaining({
        code: 'same-machine',
        host: 'shop',
        exit: 1,
        found: expect.stringContaining('shop and attic are one machine'),
      }),
    )
  answered('attic', 'm1')
})
