import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { environmentOf, getObject, type LabHost, shellInHost } from '../lab/index.ts'
import { ctrlC, enter, onTerminal } from '../terminal/terminal.ts'
import { changesOf, pagesApp } from './host-state.ts'
import { eventsOf, notesApp, readRows, type Run, type Site, site, writeRow } from './site.ts'

let lab: Site
let one: LabHost
const ports = { pages: 8191, each: 8192, two: 8193 }
const each = (...hosts: string[]) => notesApp('', ports.each, { host: undefined, hosts })
const pages = pagesApp('dep-one', ports.pages)
/** The inventory once dep-two has left it. */
const oneOnly = { hosts: { 'dep-one': {} }, apps: { 'dep-each': each('dep-one') } }

const warnings = (run: Run) => eventsOf(run, 'warning').map(({ code, app }) => `${code as string} ${app as string}`)

beforeAll(async () => {
  lab = await site('departed', [{ name: 'dep-one' }, { name: 'dep-two' }], {
    apps: {
      'dep-each': each('dep-one', 'dep-two'),
      'dep-two-only': notesApp('dep-two', ports.two),
      'dep-pages': pages,
    },
  })
  one = lab.host('dep-one')
  await lab.provision()
  await writeRow(lab.host('dep-two'), ports.two, 'of two')
})

describe('a host that left the inventory', () => {
  test.each(['plan', 'provision', 'status'])('is told of by %s, with what it still holds', async (command) => {
    await lab.rewrite({ ...oneOnly, apps: { ...oneOnly.apps, 'dep-pages': pages } })
    const run = await lab.run([command, '--json'])
    expect(eventsOf(run, 'warning')).toEqual([
      expect.objectContaining({
        code: 'host-left',
        message:
          'dep-two is no longer in the inventory; it still holds dep-each@dep-two, dep-two-only in replica nas. Nothing is done to it',
        next: expect.stringContaining('put dep-two back into the inventory'),
      }),
    ])
    expect(eventsOf(run, 'host-done')).toEqual([expect.objectContaining({ host: 'dep-one', execs: 1, changes: 0 })])
    expect(await readRows(lab.host('dep-two'), ports.two)).toEqual(['of two'])
  })

  test('lets go of its apps by the way that is named, and is told of no more', async () => {
    await lab.rewrite({ apps: { ...oneOnly.apps, 'dep-pages': pages } })
    const run = await lab.provision(['--prune'])
    expect(warnings(run)).toEqual(['data-left dep-each', 'data-left dep-two-only'])
    const owner = (await getObject(lab.lab.instance, 'departed/dep-two-only/owner.json'))?.toString() ?? ''
    expect(JSON.parse(owner)).toMatchObject({ holder: null })
    await lab.rewrite({ ...oneOnly, apps: { ...oneOnly.apps, 'dep-pages': pages } })
    const plan = await lab.run(['plan', '--json'])
    expect([plan.code, warnings(plan)]).toEqual([0, []])
  })
})

describe('an app that left, on a terminal', () => {
  const state = async () => (await shellInHost(one, 'systemctl is-active dep-pages.service || :')).trim()
  /** Without --json, which asks nothing. */
  const provision = async (answer: string) => {
    const { code, screen } = await onTerminal(
      [process.execPath, path.resolve('src/bin.ts'), 'provision', '--inventory', lab.inventory],
      [{ after: '(yes/no)', type: answer }],
      { env: { ...process.env, ...(await environmentOf(lab.lab.instance)), NO_COLOR: '1' } },
    )
    const shown = screen.replaceAll(/\s+/g, ' ')
    expect(shown).toContain('dep-pages left the inventory: stop and remove it on dep-one? Its data stay. (yes/no)')
    return { code, shown }
  }

  test('stays as it is after a no, and after Ctrl-C', async () => {
    await lab.rewrite(oneOnly)
    const no = await provision(`no${enter}`)
    expect([no.code, await state()]).toEqual([0, 'active'])
    expect(no.shown).toContain('is left there as it is')
    const stopped = await provision(ctrlC)
    expect([stopped.code, await state()]).toEqual([1, 'active'])
    expect(stopped.shown).toContain('the question was not answered')
  })

  test('goes after a yes', async () => {
    const yes = await provision(`yes${enter}`)
    expect([yes.code, await state()]).toEqual([0, 'inactive'])
    expect(yes.shown).toContain('dep-pages leaves this host')
    expect(await shellInHost(one, 'ls -d /opt/dep-pages /etc/systemd/system/dep-pages* 2>/dev/null || echo none')).toBe(
      'none\n',
    )
    expect(changesOf(await lab.provision())).toEqual([])
  })
})

test('a second name of one machine is refused, and what the first has there stays', async () => {
  await lab.rewrite({
    hosts: { 'dep-one': {}, 'dep-twin': { address: one.address } },
    apps: { ...oneOnly.apps, 'dep-pages': pagesApp('dep-twin', ports.pages) },
  })
  for (const [command = '', ...args] of [['plan'], ['provision', '--accept-new', '--prune'], ['status']]) {
    const run = await lab.run([command, '--json', '--parallel', '1', ...args])
    expect(run.code).toBe(1)
    expect(eventsOf(run, 'problem')).toMatchObject([
      { problem: { code: 'same-machine', host: 'dep-twin', found: expect.stringContaining('dep-twin and dep-one') } },
    ])
    expect(eventsOf(run, 'host-done')).toMatchObject([
      { host: 'dep-one', changes: 0 },
      { host: 'dep-twin', changes: 0, outcome: 'failed' },
    ])
  }
  await lab.rewrite(oneOnly)
  expect(changesOf(await lab.provision())).toEqual([])
})
