import path from 'node:path'
import { type LabHost, putFile, shellInHost } from '../lab/index.ts'
import { eventsOf, type Run, until } from './site.ts'

/** What a plan must not touch: every file with its attributes, but for kernel's, /run's and the logs of having been there. */
export async function snapshotOf(host: LabHost): Promise<string[]> {
  const listed = await shellInHost(
    host,
    `find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/log \\) -prune -o -printf '%p %y %m %U:%G %s %T@\\n'`,
  )
  return listed.split('\n').sort()
}

/** Main pid of a unit; '0' when it does not run. */
export async function mainPid(host: LabHost, unit: string): Promise<string> {
  return (await shellInHost(host, 'systemctl show -P MainPID "$1"', [unit])).trim()
}

/** What transactions lay beside their targets and must not leave there, nor any payload of theirs. */
export async function leftovers(host: LabHost): Promise<string[]> {
  const script = `find / -xdev -path /proc -prune -o -name '.streamside-*' ! -name '.streamside-aside' -print; find /var/lib/streamside -name payload -o -path '*/incoming/*'`
  return (await shellInHost(host, script)).split('\n').filter(Boolean)
}

/** Waits until the newest transaction of a host has ended by itself; the last line of its journal. */
export async function transactionEnded(host: LabHost): Promise<string> {
  const script = 'tail -n 1 "$(ls -td /var/lib/streamside/transactions/*/ | head -n 1)/journal"'
  return until('the transaction to end', 60, async () => {
    const last = (await shellInHost(host, script)).trim()
    return last.startsWith('end') ? last : null
  })
}

/** `ACTION NAME` of each change that a run reported, optionally of one kind only. */
export function changesOf(run: Run, kind?: string): string[] {
  return eventsOf(run, 'change')
    .map((event) => event['change'] as { kind: string; name: string; action: string })
    .filter((change) => kind === undefined || change.kind === kind)
    .map((change) => `${change.action} ${change.name}`)
}

/** Without a database: python's own web server over its release. */
export function pagesApp(host: string, port: number): Record<string, unknown> {
  return {
    host,
    release: {
      from: path.resolve(import.meta.dirname, '../lab/app'),
      command: ['python3', '-m', 'http.server', String(port)],
      'working-directory': 'release',
    },
    packages: ['python3'],
    port,
    health: { tcp: port, within: '30s' },
  }
}

/**
 * Lets a program fail on a host for these arguments (a pattern of sh's `case`): a transaction ends there, in the middle.
 * @param otherwise what happens instead of failing, in sh
 */
export async function failProgram(host: LabHost, program: string, pattern: string, otherwise = ''): Promise<void> {
  const script = `#!/bin/sh
case $* in ${pattern}) ${otherwise || 'echo "as the test wants it" >&2; exit 1'} ;; esac
exec ${program}.real "$@"
`
  await shellInHost(host, '/bin/mv "$1" "$1.real"', [program])
  await putFile(host, program, script, { mode: '0755' })
}

export async function mendProgram(host: LabHost, program: string): Promise<void> {
  await shellInHost(host, 'f=/usr/bin/mv; [ ! -e $f.real ] || f=$f.real; "$f" "$1.real" "$1"', [program])
}

export const failSystemctl = (host: LabHost, pattern: string) => failProgram(host, '/usr/bin/systemctl', pattern)

export const mendSystemctl = (host: LabHost) => mendProgram(host, '/usr/bin/systemctl')
