import { expect, test } from 'vitest'
import { transactionProblem } from '../../../src/rollout/apply-problems.ts'

test('a file that root itself may not replace is told as immutable, and how to see and mend that', () => {
  const staged = '/etc/streamside/apps/web/.app.env.streamside-1'
  const target = '/etc/streamside/apps/web/app.env'
  const moved = `mv: cannot move '${staged}' to '${target}': Operation not permitted\n`
  const problem = transactionProblem('pi', 'unexpected', `something before\n${moved}`)
  expect(problem).toMatchObject({ code: 'immutable', exit: 1, host: 'pi' })
  expect(problem.next).toContain(`streamside ssh pi sudo lsattr -d ${target} /etc/streamside/apps/web: i or a)`)
  expect(problem.next).toContain('chattr -i FILE')
  const within =
    "the folder /etc/x cannot be made by root: mkdir: cannot create directory '/etc/x': Operation not permitted"
  expect(transactionProblem('pi', 'in-the-way', within).next).toContain('lsattr -d /etc/x /etc:')
  const relative = "rm: cannot remove './a': Operation not permitted"
  expect(transactionProblem('pi', 'unexpected', relative).next).toContain('lsattr -d FILE FOLDER:')
})

test('other refusals keep their codes', () => {
  for (const text of [
    "chown: changing ownership of '/mnt/fat/a': Operation not permitted",
    "mv: cannot move 'a' to '/etc/b': Permission denied",
  ])
    expect(transactionProblem('pi', 'unexpected', text)).toMatchObject({
      code: 'unexpected',
      next: expect.stringMatching(/^run provision again/),
    })
})
