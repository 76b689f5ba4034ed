import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sharedPrograms } from '../../src/plan/payload.ts'
import { type LabHost, putFile, runInHost, shellInHost } from '../lab/index.ts'
import { failSystemctl, leftovers, mainPid, mendSystemctl, pagesApp } from './host-state.ts'
import { eventsOf, type Site, site } from './site.ts'

const templates = path.resolve(import.meta.dirname, '../../templates/host')

let lab: Site
let one: LabHost
let scratch: string
let settings: string
let pages: Record<string, unknown>

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'streamside-refused-'))
  settings = path.join(scratch, 'settings')
  await writeFile(settings, 'as they were\n')
  pages = { ...pagesApp('ref-one', 8141), files: { settings: { from: settings } } }
  lab = await site('refused', [{ name: 'ref-one' }], { apps: { pages } })
  one = lab.host('ref-one')
  await lab.provision()
})

afterAll(() => rm(scratch, { recursive: true, force: true }))

/** Carries out steps that no inventory leads to, with the very programs of a transaction. The journal that it prints. */
async function transaction(id: string, steps: { fields: string[]; content: string }[]): Promise<string[]> {
  const folder = `/var/lib/streamside/incoming/${id}`
  const programs = await readdir(path.join(templates, 'apply'))
  const files = new Map<string, string>([
    ['steps', steps.map(({ fields }) => `${fields.join('\t')}\n`).join('')],
    ['members/manifest', '{"v":1}'],
    ['who', 'a test\n'],
    ['seen-at', '9999999999\n'],
  ])
  for (const name of sharedPrograms) files.set(name, await readFile(path.join(templates, name), 'utf8'))
  for (const name of programs) files.set(name, await readFile(path.join(templates, 'apply', name), 'utf8'))
  for (const [index, { content }] of steps.entries()) files.set(`members/${index + 1}`, content)
  for (const [name, content] of files) await putFile(one, `${folder}/${name}`, content)
  const said = await runInHost(one, ['sh', '-c', 'cd "$1" && sh ./run start "$2"', 'sh', folder, id], {
    allowFailure: true,
  })
  return said.stdout.split('\n').filter(Boolean)
}

const file = (target: string, validate: string) => ['file', target, '0644', 'root', 'root', 'root', validate]
const problemIn = (journal: string[]) => {
  const [, code = '', text = ''] = (journal.find((line) => line.startsWith('problem\t')) ?? '').split('\t')
  return `${code}: ${Buffer.from(text, 'base64').toString()}`
}

describe('what does not pass its check', () => {
  test.each([
    [
      'a unit with a key that systemd does not know',
      'unit',
      'pages.service',
      '[Service]\nExecStart=/bin/true\nReadOnlyPath=/\n',
      'ReadOnlyPath',
    ],
    ['a unit without a command', 'unit', 'pages.service', '[Service]\nUser=pages\n', 'pages.service'],
    ['a shell program', 'sh', 'broken.sh', 'if true; then\n', 'sh -n /etc/systemd/system/broken.sh said'],
  ])('%s leaves every old file in its place', async (_, validate, name, content, says) => {
    await putFile(one, '/etc/refused.conf', 'old\n')
    const unit = await shellInHost(one, 'cat /etc/systemd/system/pages.service')
    const manifest = await shellInHost(one, 'cat /var/lib/streamside/manifest')
    const journal = await transaction(`refused-${validate}-${says.length}`, [
      { fields: ['forget', 'pages.service'], content: '' },
      { fields: ['signature', '/opt/pages/releases/of-this-one', 'digest', 'stat', 'content'], content: '' },
      { fields: file('/etc/refused.conf', 'none'), content: 'new\n' },
      { fields: file(`/etc/systemd/system/${name}`, validate), content },
    ])
    expect(problemIn(journal)).toMatch(/^not-valid: /)
    expect(problemIn(journal)).toContain(says)
    expect(journal.at(-1)).toBe('end\t13')
    expect(await shellInHost(one, 'cat /etc/refused.conf')).toBe('old\n')
    expect(await shellInHost(one, 'cat /etc/systemd/system/pages.service')).toBe(unit)
    expect(await shellInHost(one, 'cat /var/lib/streamside/manifest')).toBe(manifest)
    expect(await leftovers(one)).toEqual([])
    // nothing is taken for changed: neither what runs, nor the release that it runs from
    expect(await lab.run(['plan'])).toMatchObject({ code: 0 })
  })
})

describe('a full disk', () => {
  /** Provisions with everything below `folder` on a file system with this much room left (KiB), and gives back the problem. */
  async function withLittleRoom(folder: string, room: number): Promise<unknown> {
    const before = await mainPid(one, 'pages.service')
    const environment = await shellInHost(one, 'cat /etc/streamside/apps/pages/app.env')
    const started = await shellInHost(one, 'cat /run/streamside/started/pages.service')
    await lab.rewrite({ apps: { pages: { ...pages, environment: { CHANGED: 'yes' } } } })
    await shellInHost(
      one,
      `mkdir -p /run/kept && cp -a "$1/." /run/kept
       set -- "$1" "$(($(du -sk /run/kept | cut -f1) + $2))k" "mode=$(stat -c %a "$1"),uid=$(stat -c %u "$1"),gid=$(stat -c %g "$1")"
       mount -t tmpfs -o "size=$2,$3" none "$1"`,
      [folder, String(room)],
    )
    try {
      await shellInHost(one, 'cp -a /run/kept/. "$1"', [folder])
      const run = await lab.provision([], 1)
      expect(await mainPid(one, 'pages.service')).toBe(before)
      expect(await shellInHost(one, 'cat /etc/streamside/apps/pages/app.env')).toBe(environment)
      expect(await shellInHost(one, 'cat /run/streamside/started/pages.service')).toBe(started)
      expect(await shellInHost(one, 'cat /var/lib/pages/settings')).toBe('as they were\n')
      expect(await leftovers(one)).toEqual([])
      expect(eventsOf(run, 'problem')).toHaveLength(1)
      return eventsOf(run, 'problem')[0]?.['problem']
    } finally {
      await shellInHost(one, 'umount "$1"; rm -rf /run/kept', [folder])
    }
  }

  test('where a release has to go ends the run with how much is missing, and nothing is half done', async () => {
    await writeFile(path.join(scratch, 'release'), '')
    pages = {
      ...pages,
      release: { from: path.join(scratch, 'release'), command: ['python3', '-m', 'http.server', '8141'] },
    }
    expect(await withLittleRoom('/opt/pages', 12_288)).toMatchObject({
      code: 'disk-full',
      found: expect.stringMatching(/needs \d+ KiB in \/opt\/pages\/?\S* and 16 MiB to spare; \d+ KiB are free/),
    })
  })

  test('where a file has to go leaves the old one', async () => {
    await writeFile(settings, 'x'.repeat(200_000))
    expect(await withLittleRoom('/var/lib/pages', 64)).toMatchObject({
      code: 'disk-full',
      found: expect.stringMatching(/^\/var\/lib\/pages\/settings could not be written: .*No space left/),
    })
  })

  test('on the whole card ends the run before anything was begun', async () => {
    expect(await withLittleRoom('/var/lib/streamside', 96)).toMatchObject({
      code: 'disk-full',
      host: 'ref-one',
      found: expect.stringMatching(/free on \/var\/lib\/streamside, .*nothing was sent/),
    })
  })

  test('on which the upload finds no room, although there seemed to be some, ends the run before anything was begun', async () => {
    expect(await withLittleRoom('/var/lib/streamside/incoming', 96)).toMatchObject({
      host: 'ref-one',
      next: expect.stringContaining('df'),
    })
  })

  test('that has room again is no more in the way', async () => {
    const run = await lab.provision()
    expect(eventsOf(run, 'app-healthy')).toHaveLength(1)
    expect(await shellInHost(one, 'wc -c </var/lib/pages/settings')).toBe('200000\n')
  })
})

describe("what is there already under the name of an app, and is somebody else's,", () => {
  const unit = '/etc/systemd/system/zeta.service'
  const packaged = '/usr/lib/systemd/system/zeta.service'
  const theirs = '[Service]\\nExecStart=/bin/sleep 9999\\n'
  test.each([
    ['a unit', `printf '${theirs}' >${unit}; systemctl daemon-reload; systemctl start zeta`, unit, `rm ${unit}`],
    ['a unit of a package', `printf '${theirs}' >${packaged}; systemctl daemon-reload`, packaged, `rm ${packaged}`],
    ['a file', 'mkdir /etc/zeta; echo precious >/etc/zeta/zeta.conf', '/etc/zeta/zeta.conf', 'rm -r /etc/zeta'],
    [
      'the state folder of another account',
      'install -d -o games -g games /var/lib/zeta; echo rows >/var/lib/zeta/p.db; chown games: /var/lib/zeta/p.db',
      '/var/lib/zeta/p.db; stat -c "%U %a" /var/lib/zeta /var/lib/zeta/p.db',
      'rm -r /var/lib/zeta',
    ],
    ['a person', 'useradd -m -s /bin/sh zeta', '/etc/passwd', 'userdel -r zeta 2>/dev/null'],
  ])('%s: is named, and neither touched nor taken for ours', async (_, make, kept, away) => {
    const before = await shellInHost(one, `${make}; sha256sum ${kept}; systemctl show -P MainPID zeta.service`)
    const zeta = { ...pagesApp('ref-one', 8142), files: { '/etc/zeta/zeta.conf': { from: settings } } }
    await lab.rewrite({ apps: { pages, zeta } })
    for (const command of ['plan', 'provision']) {
      const run = await lab.run([command, '--json'])
      expect(run.code).toBe(1)
      expect(eventsOf(run, 'problem').map((event) => event['problem'])).toEqual([
        expect.objectContaining({ code: 'in-the-way', host: 'ref-one' }),
      ])
    }
    expect(await shellInHost(one, `sha256sum ${kept}; systemctl show -P MainPID zeta.service`)).toBe(before)
    await shellInHost(one, `systemctl stop zeta 2>/dev/null; ${away}; systemctl daemon-reload`)
    await lab.rewrite({ apps: { pages } })
  })

  test('a file of ours from a run that failed before it could record it: is ours, whatever the inventory says by then', async () => {
    const zeta = (more: Record<string, unknown>) => ({
      ...pagesApp('ref-one', 8142),
      files: { '/etc/zeta/zeta.conf': { from: settings } },
      ...more,
    })
    await lab.rewrite({ apps: { pages, zeta: zeta({}) } })
    // reload comes after the files are in place, and before the manifest is written
    await failSystemctl(one, 'daemon-reload')
    expect((await lab.run(['provision', '--json'])).code).toBe(1)
    await mendSystemctl(one)
    await shellInHost(one, 'test -e /etc/zeta/zeta.conf')
    await writeFile(settings, 'otherwise by now\n')
    expect((await lab.provision()).code).toBe(0)
    expect(await shellInHost(one, 'cat /etc/zeta/zeta.conf')).toBe('otherwise by now\n')
  })
})
