import { expect, test } from 'vitest'
import { transactionProblem } from '../../../src/rollout/apply-problems.ts'

const next = (text: string) => transactionProblem('pi', 'disk-full', text).next

test('room is looked for in the file system that lacks it', () => {
  expect(next('the release needs 6 KiB in /opt and 16 MiB to spare; 0 KiB are free')).toContain(
    'sudo du -xhd2 /opt | sort',
  )
  expect(next('apt-get said: You don’t have enough free space in /var/cache/apt/archives/.')).toContain(
    'sudo du -xhd2 / | sort',
  )
})
