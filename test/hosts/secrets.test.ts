import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LabHost, putFile, readAccess, runInHost, shellInHost, sudoPassword } from '../lab/index.ts'
import { changesOf, mainPid } from './host-state.ts'
import { notesApp, type Run, type Site, site } from './site.ts'
import { steal } from './thief.ts'

let lab: Site
let one: LabHost
let scratch: string
/** Everything that must stay hidden: of the bucket, of the app (before and after it was changed), of sudo. */
const hidden: Record<string, string> = {}
const said: Run[] = []
let watched: { rounds: number; programs: string[]; found: string[] }

const config = '/etc/streamside/apps/notes'
/** The only files of a host that may hold one of them. */
const keepers = [
  `${config}/app.secret.env`,
  `${config}/litestream.env`,
  `${config}/owner.curl`,
  '/var/lib/notes/settings.json',
]

async function run(args: string[]): Promise<Run> {
  const answer = await lab.run(args)
  said.push(answer)
  return answer
}

/** Runs `work` while the arguments of all processes are watched. */
async function watching<T>(work: () => Promise<T>): Promise<T> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'argv-watch.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  child.stdin.write(`${JSON.stringify(Object.values(hidden))}\n`)
  expect((await lines.next()).value).toBe('watching')
  try {
    return await work()
  } finally {
    child.stdin.end()
    watched = JSON.parse((await lines.next()).value ?? '') as typeof watched
    await once(child, 'exit')
  }
}

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'streamside-secrets-'))
  const { instance } = (lab = await site('hidden', [{ name: 'sec-one', sudo: 'password' }], { apps: {} })).lab
  const { s3 } = await readAccess(instance)
  Object.assign(hidden, {
    key: s3.accessKeyId,
    secret: s3.secretAccessKey,
    sudo: sudoPassword,
    token: 'first-token-d41d8cd9',
    later: 'second token "quoted" $x 98f00b20',
  })
  const file = async (name: string, content: string) => {
    await writeFile(path.join(scratch, name), content, { mode: 0o600 })
    return path.join(scratch, name)
  }
  one = lab.host('sec-one')
  await lab.rewrite({
    hosts: { 'sec-one': { 'sudo-password': '!secret sudo' } },
    secrets: {
      sudo: { command: ['cat', await file('sudo', sudoPassword)] },
      token: { command: ['cat', await file('token', hidden['token'] ?? '')] },
    },
    apps: {
      notes: notesApp('sec-one', 8161, {
        environment: { DATABASE: 'data/notes.db', TOKEN: '!secret token' },
        files: { 'settings.json': { from: await file('settings', '{ "token": {{json env.TOKEN}} }\n') } },
      }),
    },
  })
  await watching(async () => {
    await run(['plan', '--verbose', '--accept-new'])
    await run(['provision', '--json', '--verbose', '--accept-new'])
    await writeFile(path.join(scratch, 'token'), hidden['later'] ?? '')
    await run(['plan'])
    await run(['plan', '--json'])
    await run(['provision', '--verbose'])
    await shellInHost(one, 'systemctl restart notes notes-litestream; sleep 1')
  })
})

afterAll(() => rm(scratch, { recursive: true, force: true }))

describe('a secret', () => {
  test('was there to be found: the runs came through, and the app restarted with the new one', async () => {
    expect(said.map(({ code }) => code)).toEqual([7, 0, 7, 7, 0])
    expect(changesOf(said[3]!)).toContain('update /var/lib/notes/settings.json')
    for (const keeper of keepers) expect(await shellInHost(one, 'wc -c <"$1"', [keeper])).not.toBe('0\n')
    expect(JSON.parse(await shellInHost(one, 'cat /var/lib/notes/settings.json'))).toEqual({ token: hidden['later'] })
    const environ = await shellInHost(one, 'tr "\\0" "\\n" <"/proc/$1/environ"', [await mainPid(one, 'notes')])
    expect(environ).toContain(`TOKEN=${hidden['later']}`)
  })

  test('never stands in the arguments of a process, of the operator or of the host', () => {
    expect(watched.found).toEqual([])
    // it was really looked, often, and at both sides
    expect(watched.rounds).toBeGreaterThan(300)
    expect(watched.programs).toEqual(expect.arrayContaining(['sudo', 'curl', 'tar', 'jq', 'cat']))
  })

  test('is in no output, event, diff or error', () => {
    for (const { stdout, stderr } of said)
      for (const [name, value] of Object.entries(hidden))
        for (const form of [value, JSON.stringify(value).slice(1, -1), Buffer.from(value).toString('base64')]) {
          expect(stdout, name).not.toContain(form)
          expect(stderr, name).not.toContain(form)
        }
  })

  test('is in no file of the host but those that are for it, and nobody else can read those', async () => {
    await putFile(one, '/root/patterns', `${Object.values(hidden).join('\n')}\n`, { mode: '0600' })
    const search = `find / /run /dev/shm -xdev -type f ! -path '/proc/*' ! -path '/sys/*' ! -path /root/patterns -exec grep -laF -f /root/patterns {} +`
    const holding = (await shellInHost(one, `${search} || :`)).split('\n').filter(Boolean)
    const escaped = `${config}/app.secret.env`
    expect(new Set([...holding, escaped, keepers[3]])).toEqual(new Set(keepers))
    const modes = await shellInHost(one, 'stat -c "%a %U %n" "$@"', keepers)
    expect(modes).toBe(
      [
        `600 root ${keepers[0]}`,
        `600 root ${keepers[1]}`,
        `600 root ${keepers[2]}`,
        `640 notes ${keepers[3]}`,
        '',
      ].join('\n'),
    )
    expect(await shellInHost(one, 'stat -c "%a" /etc/streamside/apps/notes /var/lib/notes /var/lib/streamside')).toBe(
      '700\n750\n700\n',
    )
  })

  test('is not in the journal, nor in what systemd and /proc tell any user', async () => {
    for (const as of ['root', 'pi']) {
      const script = `journalctl --no-pager --all --output=export; systemctl show --all 'notes*'; systemctl cat 'notes*'; ps axewwo args; cat /proc/[0-9]*/cmdline`
      const everything =
        as === 'root' ? script.replace('ps axewwo args;', 'ps axwwo args;') : `${script}; cat /proc/[0-9]*/environ`
      const { stdout } = await runInHost(
        one,
        ['runuser', '-u', as, '--', 'sh', '-c', `{ ${everything}; } 2>/dev/null`],
        { allowFailure: true },
      )
      expect(stdout.includes('notes-litestream.service')).toBe(true)
      for (const [name, value] of Object.entries(hidden)) expect(stdout.includes(value), `${name} as ${as}`).toBe(false)
    }
  })
})

describe('an app that was broken into', () => {
  test('can read the keys of its own backups nowhere', async () => {
    const tried = await steal(one, { app: 'notes', inside: true }, keepers.slice(0, 3))
    expect(tried).toEqual(
      Object.fromEntries(Object.keys(tried).map((what) => [what, expect.stringMatching(/^E(ACCES|PERM|NOENT)$/)])),
    )
    expect(Object.keys(tried)).toHaveLength(9)
    // Without its sandbox it has one way more: the control socket, which holds no keys.
    const outside = await steal(one, { app: 'notes', inside: false }, keepers.slice(0, 3))
    expect(Object.entries(outside).filter(([, came]) => came.startsWith('read'))).toEqual([
      ['control socket', 'read: connected'],
    ])
  })

  test('and the thief who was tried knows his trade: as root he gets them all', async () => {
    const taken = await steal(one, { app: 'notes', user: 'root', inside: false }, keepers.slice(0, 3))
    expect(taken['environ']).toContain(hidden['secret'])
    for (const came of Object.values(taken)) expect(came).toMatch(/^read/)
  })
})
