import { expect, test } from 'vitest'
import type { ChangeSummary } from '../../../src/report/events.ts'
import { formatChanges } from '../../../src/report/format-changes.ts'

const changes: ChangeSummary[] = [
  { kind: 'package', name: 'jq', action: 'install', reason: 'not installed' },
  {
    kind: 'file',
    name: '/etc/streamside/apps/gotify/app.env',
    action: 'update',
    reason: 'content differs',
    diff: '--- on the host\n+++ wanted\n@@ -1 +1 @@\n-PORT="1"\n+PORT="2"\u001b[2J\n',
  },
]

test('changes are columns of action, kind, name and reason, with their diffs below', () => {
  expect(formatChanges('pi-attic', changes, { color: false, diffs: true, columns: 80, wrapped: false })).toBe(
    `pi-attic
  install package   jq                                   not installed
  update  file      /etc/streamside/apps/gotify/app.env  content differs
      --- on the host
      +++ wanted
      @@ -1 +1 @@
      -PORT="1"
      +PORT="2"␛[2J`,
  )
})

test('the programs of a new folder stand on one line, and one that was edited on its own', () => {
  const program = (name: string, action: ChangeSummary['action'], reason: string): ChangeSummary => ({
    kind: 'program',
    name: `/usr/local/lib/streamside/${name}`,
    action,
    reason,
  })
  const all = [
    program('programs-1/gate.sh', 'create', 'not there'),
    program('programs-1/decide/gate.jq', 'create', 'not there'),
    program('programs-1/wal.sh', 'update', 'mode 0644, not 0755'),
    program('programs-0/gate.sh', 'remove', 'nothing needs it any more'),
    program('programs-0/wal.sh', 'remove', 'nothing needs it any more'),
    program('programs-2/gate.sh', 'create', 'not there'),
  ]
  expect(formatChanges('pi', all, { color: false, diffs: true, columns: 80, wrapped: false }).split('\n')).toEqual([
    'pi',
    '  create  program   /usr/local/lib/streamside/programs-1/         2 files: not there',
    '  update  program   /usr/local/lib/streamside/programs-1/wal.sh   mode 0644, not 0755',
    '  remove  program   /usr/local/lib/streamside/programs-0/         2 files: nothing needs it any more',
    '  create  program   /usr/local/lib/streamside/programs-2/gate.sh  not there',
  ])
})

test('a release is called by the first digits of its SHA-256, and a long name does not push the other reasons out of 80 columns', () => {
  const release = `/opt/gotify/releases/${'0e6fad143756'.padEnd(64, 'b')}`
  const all: ChangeSummary[] = [
    { kind: 'release', name: release, action: 'create', reason: 'not there' },
    { kind: 'link', name: '/opt/gotify/current', action: 'create', reason: `→ ${release}` },
    { kind: 'file', name: `/etc/streamside/${'apps/'.repeat(12)}`, action: 'create', reason: 'not there' },
  ]
  const lines = formatChanges('pi', all, { color: false, diffs: true, columns: 80, wrapped: false }).split('\n')
  expect(lines[1]).toBe(`  create  release   ${'/opt/gotify/releases/0e6fad143756…'.padEnd(48)}  not there`)
  expect(lines[2]).toContain('→ /opt/gotify/releases/0e6fad143756…')
  expect(lines[3]).toMatch(/apps\/ {2}not there$/)
})

test('diffs are coloured as git does, and can be left out', () => {
  const colored = formatChanges('pi-attic', changes, { color: true, diffs: true, columns: 80, wrapped: false })
  expect(colored).toContain('\u001b[31m-PORT="1"')
  expect(colored).toContain('\u001b[32m+PORT="2"')
  expect(colored).toContain('\u001b[36m@@ -1 +1 @@')
  expect(formatChanges('pi-attic', changes, { color: false, diffs: false, columns: 80, wrapped: false })).not.toContain(
    'PORT',
  )
})

test('on a terminal a reason that does not fit goes on below itself, in a pipe a change is one line', () => {
  const reason = 'no longer in the inventory; what streamside has not put there stays'
  const leaving: ChangeSummary[] = [{ kind: 'directory', name: '/var/lib/streamside/web', action: 'remove', reason }]
  const look = { color: false, diffs: false, columns: 80 }
  expect(formatChanges('pi', leaving, { ...look, wrapped: true })).toBe(`pi
  remove  directory /var/lib/streamside/web  no longer in the inventory; what
                                             streamside has not put there stays`)
  expect(formatChanges('pi', leaving, { ...look, wrapped: false })).toBe(`pi
  remove  directory /var/lib/streamside/web  ${reason}`)
})
