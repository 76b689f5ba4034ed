import { expect, test } from 'vitest'
import { transactionProblem } from '../../../src/rollout/apply-problems.ts'

const next = (log: string) => transactionProblem('pi', 'unhealthy:notes', log).next

test('an app whose interpreter is missing is told to name its package', () => {
  expect(next('notes.service: Failed to execute /opt/notes/current/serve: No such file or directory')).toMatch(
    /^\/opt\/notes\/current\/serve is a script whose interpreter .* packages:/,
  )
  expect(next('/usr/bin/env: ‘python3’: No such file or directory')).toMatch(/^python3, .* packages:/)
})

test('an app that fails otherwise is told nothing of packages', () => {
  for (const log of ['open config.yml: No such file or directory', 'Failed to execute /x: Permission denied'])
    expect(next(log)).toBe(
      'mend the release or its health check and run provision again; on the host: journalctl -u notes',
    )
})

test('an adopted service is looked for by the name of its own unit', () => {
  expect(next('pdns.service is activating/auto-restart after 30 s\nfailed')).toBe(
    'mend the service or its health check and run provision again; on the host: journalctl -u pdns',
  )
  expect(next('vnstat.service is activating/auto-restart after 30 s\nError: database is locked')).toMatch(
    /^Litestream has the database open, .* set WAL mode .* journalctl -u vnstat$/,
  )
})

test('an app whose port somebody else has is told so', () => {
  for (const log of [
    'OSError: [Errno 98] Address already in use',
    'Error: listen EADDRINUSE: address already in use :::80',
  ])
    expect(next(log)).toMatch(/^another process listens where notes wants to: .* ss -ltnp/)
})
