import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readAccess, shellInHost, sudoPassword, wipe } from '../lab/index.ts'
import { changesOf, pagesApp, snapshotOf } from './host-state.ts'
import { eventsOf, type Run, type Site, site } from './site.ts'

let lab: Site
let knownHosts: string

/** An inventory in which the hosts that ask get this sudo password; null = none is known. */
async function withPassword(password: string | null): Promise<void> {
  await lab.rewrite({
    hosts: {
      'acc-asks': password === null ? {} : { 'sudo-password': '!secret sudo' },
      'acc-none': password === null ? {} : { 'sudo-password': '!secret sudo' },
    },
    apps: { pages: pagesApp('acc-asks', 8121) },
    ...(password === null ? {} : { secrets: { sudo: { command: ['printf', '%s', password] } } }),
  })
}

/** The one problem of a run on one host. */
function problemOf(run: Run): Record<string, unknown> | undefined {
  const problems = eventsOf(run, 'problem').map((event) => event['problem'] as Record<string, unknown>)
  expect(problems).toHaveLength(1)
  return problems[0]
}

beforeAll(async () => {
  lab = await site(
    'access',
    [
      { name: 'acc-asks', sudo: 'password' },
      { name: 'acc-none', sudo: 'none' },
    ],
    { apps: {} },
  )
  ;({ knownHosts } = await readAccess(lab.lab.instance))
})

// Other files of tests find their own hosts as they have left them.
let before: string
beforeAll(async () => {
  before = await readFile(knownHosts, 'utf8')
})
afterAll(() => writeFile(knownHosts, before))

describe("a host's key", () => {
  test('that is not known is shown and refused unless --accept-new is given', async () => {
    await withPassword(sudoPassword)
    const fingerprint = async () => {
      const said = await shellInHost(lab.host('acc-asks'), 'ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub')
      return said.split(' ')[1] ?? '?'
    }
    const refused = await lab.run(['plan', '--json', '--limit', 'acc-asks'])
    expect(refused.code).toBe(3)
    expect(problemOf(refused)).toMatchObject({
      code: 'host-key-unknown',
      found: expect.stringContaining(await fingerprint()),
      next: expect.stringContaining('--accept-new'),
    })
    expect(await readFile(knownHosts, 'utf8')).toBe(before)
    expect(await lab.run(['plan', '--limit', 'acc-asks', '--accept-new'])).toMatchObject({ code: 7 })
    expect(await lab.run(['plan', '--limit', 'acc-asks'])).toMatchObject({ code: 7 })
  })

  test('that has changed is refused, with --accept-new as well, and what to do is named', async () => {
    await wipe(lab.host('acc-asks'))
    const run = await lab.run(['provision', '--json', '--accept-new', '--limit', 'acc-asks'])
    expect(run.code).toBe(3)
    expect(problemOf(run)).toMatchObject({
      code: 'host-key-changed',
      next: expect.stringMatching(/streamside restore acc-asks.*ssh-keygen -R '10\.[0-9.]+' -f '.*known_hosts'/),
    })
    expect(
      await shellInHost(lab.host('acc-asks'), 'ls /etc/streamside /var/lib/streamside 2>/dev/null || echo none'),
    ).toBe('none\n')
    await writeFile(knownHosts, before)
  })
})

describe('sudo', () => {
  test.each([
    ['that wants a password nobody has given', null, 'sudo-password-needed', 'sudo-password: !secret'],
    ['with the wrong password', 'not it', 'sudo-password-wrong', 'it was tried once'],
  ])('%s ends the run with 1 and what to do, and nothing is done', async (_, password, code, next) => {
    await withPassword(password)
    const untouched = await snapshotOf(lab.host('acc-asks'))
    const run = await lab.run(['provision', '--json', '--accept-new', '--limit', 'acc-asks'])
    expect(run.code).toBe(1)
    expect(problemOf(run)).toMatchObject({ code, next: expect.stringContaining(next), host: 'acc-asks' })
    expect(run.stdout + run.stderr).not.toContain('not it')
    expect(await snapshotOf(lab.host('acc-asks'))).toEqual(untouched)
  })

  test('that is not for this user ends the run with 1 and how to change that', async () => {
    // sudo tells strangers apart only after their password, to give nothing away
    await withPassword(sudoPassword)
    const run = await lab.run(['provision', '--json', '--accept-new', '--limit', 'acc-none'])
    expect(run.code).toBe(1)
    expect(problemOf(run)).toMatchObject({ code: 'no-sudo', next: expect.stringContaining('usermod -aG sudo') })
  })

  test('with the right password from a secret provisions the host, and the second run is one exec', async () => {
    await withPassword(sudoPassword)
    const run = await lab.provision(['--limit', 'acc-asks'])
    expect(changesOf(run, 'unit')).toEqual(['enable pages.service', 'start pages.service'])
    const again = await lab.provision(['--limit', 'acc-asks'])
    expect(eventsOf(again, 'host-done')).toEqual([expect.objectContaining({ outcome: 'unchanged', execs: 1 })])
  })
})
