import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type LabHost, shellInHost } from '../lab/index.ts'
import { changesOf, failProgram, mendProgram, pagesApp } from './host-state.ts'
import { eventsOf, type Run, type Site, site } from './site.ts'

// An app that was broken into owns its state directory, and may put anything there: root must not wait for it, nor read or
// write through it.

const state = '/var/lib/planted'
let lab: Site
let one: LabHost
let scratch: string

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'streamside-planted-'))
  await writeFile(path.join(scratch, 'settings'), 'as wanted\n')
  const files = {
    settings: { from: path.join(scratch, 'settings') },
    'conf/inner': { from: path.join(scratch, 'settings') },
  }
  lab = await site('planted', [{ name: 'pla-one' }], { apps: { planted: { ...pagesApp('pla-one', 8391), files } } })
  one = lab.host('pla-one')
  await lab.provision()
})
afterAll(() => rm(scratch, { recursive: true, force: true }))

/** Runs shell as the app's user, in its state directory. */
const plant = (script: string): Promise<string> =>
  shellInHost(one, 'cd "$1" && runuser -u planted -- sh -euc "$2"', [state, script])
const outside = (): Promise<string> =>
  shellInHost(one, 'sha256sum /etc/shadow /etc/passwd; stat -c "%n %a %U %Y" /etc/shadow /etc; ls -A /etc')

/** The one problem that a plan ends with, well before anybody loses patience. */
async function refusal(): Promise<Record<string, unknown>> {
  const began = performance.now()
  const run = await lab.run(['plan', '--json'])
  expect(performance.now() - began).toBeLessThan(60_000)
  expect(run.code).toBe(1)
  const problems = eventsOf(run, 'problem').map((event) => event['problem'] as Record<string, unknown>)
  expect(problems).toHaveLength(1)
  return problems[0] ?? {}
}

let before: string
beforeAll(async () => {
  before = await outside()
})
afterEach(async () => {
  expect(await outside()).toBe(before)
})

async function mended(): Promise<Run> {
  const run = await lab.provision()
  expect(await shellInHost(one, 'stat -c "%F %U" "$1/settings" "$1/conf/inner"; cat "$1/settings"', [state])).toBe(
    'regular file planted\nregular file planted\nas wanted\n',
  )
  expect(changesOf(await lab.provision())).toEqual([])
  return run
}

describe('in the place of a file', () => {
  test('a pipe that nobody writes to is named, and nobody waits for it', async () => {
    await plant('rm settings; mkfifo settings')
    expect(await refusal()).toMatchObject({
      code: 'in-the-way',
      doing: expect.stringContaining(`${state}/settings`),
      found: expect.stringContaining('a pipe'),
      next: expect.stringContaining('move it away'),
    })
    await plant('rm settings')
    await mended()
  })

  test('a link to what only root may read is replaced, and what it leads to is not read', async () => {
    await plant('rm settings; ln -s /etc/shadow settings')
    const plan = await lab.run(['plan'])
    expect(plan.code).toBe(7)
    expect(plan.stdout).toContain('a link stands in its place')
    expect(plan.stdout + plan.stderr).not.toMatch(/root:[*!$]/)
    await mended()
  })

  test('a second name of root’s file is replaced, and nothing of what that holds is told', async () => {
    await shellInHost(one, 'rm "$1/settings"; ln /etc/shadow "$1/settings"', [state])
    const plan = await lab.run(['plan', '--json'])
    expect(plan.stdout).toContain('content, ')
    expect(plan.stdout + plan.stderr).not.toMatch(/root:[*!$]/)
    await mended()
  })

  test('a file that cannot be read, or would take hours to, is written anew', async () => {
    await plant('truncate -s 300G settings; chmod 0000 conf/inner')
    const began = performance.now()
    expect(changesOf(await mended(), 'file')).toEqual([`update ${state}/settings`, `update ${state}/conf/inner`])
    expect(performance.now() - began).toBeLessThan(60_000)
  })
})

describe('in the place of a folder', () => {
  test.each([
    ['a link out of it', 'ln -s /etc conf', /a link stands there/],
    ['a file', ': >conf', /a file stands there/],
  ])('%s is refused, and nothing is written through it', async (_, script, found) => {
    await plant(`rm -r conf; ${script}`)
    expect(await refusal()).toMatchObject({ code: 'in-the-way', found: expect.stringMatching(found) })
    await lab.provision([], 1)
    await plant('rm conf')
    await mended()
  })

  test('another mount is refused, and told beside what else has changed', async () => {
    await shellInHost(one, 'mount --bind /etc "$1/conf"; chmod 0777 "$1"', [state])
    try {
      const run = await lab.run(['plan', '--json'])
      expect(run.code).toBe(1)
      expect(changesOf(run)).toEqual([`update ${state}`])
      expect(eventsOf(run, 'problem')).toMatchObject([
        { problem: { code: 'in-the-way', found: expect.stringContaining('another mount') } },
      ])
      const status = eventsOf(await lab.run(['status', '--json']), 'host-status')
      expect(status).toMatchObject([
        {
          status: {
            drift: { known: true, changes: [{ name: state }] },
            wrong: [{ code: 'drift' }, { code: 'in-the-way' }],
          },
        },
      ])
      await lab.provision([], 1)
    } finally {
      await shellInHost(one, 'umount "$1/conf"', [state])
    }
    await mended()
  })
})

describe('when root is about to give a folder back to its app', () => {
  // after the look, and before the transaction does anything
  const meanwhile = (script: string) =>
    failProgram(one, '/usr/bin/systemd-run', '*streamside-apply-*', `(cd ${state}; ${script})`)

  test.each([
    ['a link out of the app’s state', 'mv conf away; ln -s /etc conf', 'rm conf; mv away conf'],
    ['another mount', 'mount --bind /etc conf', 'umount conf'],
    ['a second name of root’s file', 'mv conf away; ln /etc/shadow conf', 'rm conf; mv away conf'],
  ])('%s that took its place is not given away', async (_, script, undo) => {
    await shellInHost(one, 'chown root:root "$1/conf"', [state])
    await meanwhile(script)
    try {
      const problems = eventsOf(await lab.provision([], 1), 'problem')
      expect(problems).toMatchObject([{ problem: { code: 'in-the-way' } }])
    } finally {
      await mendProgram(one, '/usr/bin/systemd-run')
      await shellInHost(one, `cd "$1"; ${undo}`, [state])
    }
    expect(changesOf(await mended())).toEqual([`update ${state}/conf`])
  })
})

test('an app that stops whatever looks at its folders is named, and nobody waits for it', async () => {
  // -1: all that this user may signal, but for the sender
  const stopper = 'import os, time\nwhile True:\n    os.kill(-1, 19)\n    time.sleep(0.001)\n'
  await shellInHost(one, 'systemd-run --quiet --unit=stopper --uid=planted python3 -c "$1"', [stopper])
  try {
    expect(await refusal()).toMatchObject({
      code: 'app-folder-unread',
      app: 'planted',
      found: expect.stringContaining('40 s'),
    })
  } finally {
    await shellInHost(one, 'systemctl kill --signal=KILL stopper; systemctl kill --signal=CONT planted.service')
  }
  await mended()
}, 150_000)
