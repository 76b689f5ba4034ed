import { readFile, stat, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { plainCard } from '../../src/inventory/cards.ts'
import { connectHost, type ConnectOptions } from '../../src/host/connect.ts'
import type { SshConnection } from '../../src/host/connection.ts'
import { runAsRoot, type RootRun } from '../../src/host/root.ts'
import type { Host } from '../../src/inventory/model.ts'
import { Secret } from '../../src/inventory/secret.ts'
import {
  boot,
  cutPower,
  hostOf,
  type Lab,
  readAccess,
  setCable,
  shellInHost,
  sudoPassword,
  up,
  wipe,
} from '../lab/index.ts'
import { testInstance } from './instance.ts'

let lab: Lab
let options: ConnectOptions
const open: SshConnection[] = []

beforeAll(async () => {
  lab = await up(
    [
      { name: 'ssh-free' },
      { name: 'ssh-asks', sudo: 'password' },
      { name: 'ssh-asks-13', suite: 'trixie', sudo: 'password' },
      { name: 'ssh-none', sudo: 'none' },
    ],
    { instance: testInstance },
  )
  const access = await readAccess(lab.instance)
  options = {
    ssh: { config: access.sshConfig, knownHosts: `${access.knownHosts}-ssh-test` },
    acceptNew: true,
    report: () => {},
  }
})

afterAll(() => Promise.all(open.map((connection) => connection.close())))

const inventoryHost = (name: string): Host => ({
  name,
  address: name,
  port: null,
  user: null,
  tags: [],
  sudoPassword: null,
  card: plainCard(name),
})

async function connected(name: string): Promise<SshConnection> {
  const connection = await connectHost(inventoryHost(name), options)
  open.push(connection)
  return connection
}

const root = (connection: SshConnection, program: string, more: Partial<RootRun> = {}) =>
  runAsRoot(connection, {
    files: [{ name: 'program.sh', content: program }],
    workIn: '/run/streamside',
    program: 'program.sh',
    sudoPassword: null,
    deadlineSeconds: 30,
    ...more,
  })

const password = new Secret('sudo', sudoPassword)

describe('becoming root', () => {
  test('takes one exec where sudo asks for nothing', async () => {
    const connection = await connected('ssh-free')
    expect(await root(connection, 'id -u; id -un')).toEqual({ code: 0, stdout: '0\nroot\n', stderr: '' })
    expect(connection.execs).toBe(1)
  })

  test.each(['ssh-asks', 'ssh-asks-13'])('takes one exec where sudo asks for a password (%s)', async (name) => {
    const connection = await connected(name)
    const answer = await root(connection, 'id -u; cat; echo problem >&2; exit 3', { sudoPassword: password })
    expect(answer).toEqual({ code: 3, stdout: '0\n', stderr: 'problem\n' })
    expect(connection.execs).toBe(1)
  })

  test.each(['ssh-asks', 'ssh-asks-13'])('keeps the password from everything but sudo (%s)', async (name) => {
    const connection = await connected(name)
    // Everything the program could get at: its stdin, its files, the arguments and environments of all processes.
    const look = `
      cat >from-stdin
      for process in /proc/[0-9]*; do tr '\\0' '\\n' <"$process/cmdline"; tr '\\0' '\\n' <"$process/environ"; done >seen 2>/dev/null || :
      grep -c . seen
      grep -rlF 'raspberry lab' . || echo nowhere`
    const answer = await root(connection, look, { sudoPassword: password })
    const [lines, ...found] = answer.stdout.trim().split('\n')
    expect(Number(lines)).toBeGreaterThan(50)
    // The program's own text names it, to look for it.
    expect(found).toEqual(['./program.sh'])
  })

  test.each(['ssh-free', 'ssh-asks', 'ssh-asks-13'])(
    'sends big files whole, while they are read (%s)',
    async (name) => {
      const connection = await connected(name)
      const streams = [{ name: 'big file', path: process.execPath, mode: 0o755 }]
      const answer = await root(
        connection,
        'stat -c "%s %a %U" "big file"; cmp "big file" "big file" && sha256sum <"big file"',
        {
          streams,
          sudoPassword: password,
        },
      )
      const { size } = await stat(process.execPath)
      expect(answer.stdout).toBe(`${size} 755 root\n${await sha256(process.execPath)}  -\n`)
    },
  )

  test('with the wrong password is refused soon, after one try at it', async () => {
    const connection = await connected('ssh-asks')
    const began = performance.now()
    const wrong = root(connection, 'echo ran', { sudoPassword: new Secret('sudo', 'wrong') })
    await expect(wrong).rejects.toMatchObject({ code: 'sudo-password-wrong', host: 'ssh-asks' })
    expect(performance.now() - began).toBeLessThan(6000)
    const log = await shellInHost(hostOf(lab, 'ssh-asks'), 'journalctl --no-pager -t sudo -o cat')
    expect(log).toContain('1 incorrect password attempt')
    expect(log).not.toMatch(/[2-9] incorrect password attempts/)
    // The account is not locked, and the right one works.
    expect((await root(connection, 'echo ran', { sudoPassword: password })).stdout).toBe('ran\n')
  })

  test('without a password asks for one where somebody can answer, and says what is missing where nobody can', async () => {
    const connection = await connected('ssh-asks')
    await expect(root(connection, 'echo ran')).rejects.toMatchObject({
      code: 'sudo-password-needed',
      next: expect.stringContaining('sudo-password: !secret') as string,
    })
    let questions = 0
    const askPassword = async () => {
      questions += 1
      // Longer than the deadline: a person's time is not counted.
      await new Promise((resolve) => setTimeout(resolve, 1500))
      return password
    }
    expect((await root(connection, 'echo ran', { askPassword, deadlineSeconds: 1.4 })).stdout).toBe('ran\n')
    // Taken once, it is not asked for again on this connection.
    expect((await root(connection, 'echo again', { askPassword })).stdout).toBe('again\n')
    expect(questions).toBe(1)
  })

  test('is not asked for anybody who may not become root', async () => {
    const connection = await connected('ssh-none')
    await expect(root(connection, 'echo ran', { sudoPassword: password })).rejects.toMatchObject({ code: 'no-sudo' })
  })

  test('where the disk is full says so', async () => {
    await shellInHost(
      hostOf(lab, 'ssh-free'),
      'mkdir -p /run/streamside && mount -t tmpfs -o size=64k tmpfs /run/streamside',
    )
    const connection = await connected('ssh-free')
    const streams = [{ name: 'big', path: process.execPath }]
    await expect(root(connection, 'echo ran', { streams })).rejects.toMatchObject({
      code: 'unpack-failed',
      found: expect.stringMatching(/No space left on device|Wrote only/) as string,
    })
    expect(await shellInHost(hostOf(lab, 'ssh-free'), 'ls -A /run/streamside; umount /run/streamside')).toBe('')
  })
})

describe('a connection', () => {
  test('whose cable is pulled is lost within 25 s, and the program on the host goes on', async () => {
    const host = hostOf(lab, 'ssh-free')
    const connection = await connected('ssh-free')
    const running = root(connection, 'echo begun; sleep 3; echo done >/run/went-on; sleep 60', {
      deadlineSeconds: 60,
      onLine: () => void setCable(lab.instance, host, 'down'),
    })
    const began = performance.now()
    await expect(running).rejects.toMatchObject({ code: 'connection-lost', exit: 3 })
    expect(performance.now() - began).toBeLessThan(25_000)
    await setCable(lab.instance, host, 'up')
    expect(await shellInHost(host, 'cat /run/went-on')).toBe('done\n')
  })

  test('to a host whose power goes is lost, not finished', async () => {
    const host = hostOf(lab, 'ssh-none')
    const connection = await connected('ssh-none')
    const running = connection.exec('echo begun; sleep 60', { deadlineSeconds: 60, onLine: () => void cutPower(host) })
    await expect(running).rejects.toMatchObject({ code: 'connection-lost' })
    await boot(host)
  })

  test('to a host that is not in the network is a problem that says what to do', async () => {
    const host = hostOf(lab, 'ssh-none')
    await setCable(lab.instance, host, 'down')
    const connecting = connectHost(inventoryHost('ssh-none'), { ...options, connectTimeoutSeconds: 6 })
    await expect(connecting).rejects.toMatchObject({
      exit: 3,
      code: expect.stringMatching(/^(host-unreachable|connect-timeout)$/) as string,
      next: expect.stringContaining('switched on') as string,
    })
    await setCable(lab.instance, host, 'up')
  })

  test('to a host with a new card is refused, and names the way back', async () => {
    const host = hostOf(lab, 'ssh-none')
    await wipe(host)
    await boot(host)
    await expect(connectHost(inventoryHost('ssh-none'), options)).rejects.toMatchObject({
      code: 'host-key-changed',
      next: expect.stringContaining('streamside restore ssh-none') as string,
    })
    // What it says to do, helps.
    const known = options.ssh.knownHosts ?? ''
    const lines = (await readFile(known, 'utf8')).split('\n').filter((line) => !line.includes(host.address))
    await writeFile(known, lines.join('\n'))
    await (await connected('ssh-none')).exec('true', { deadlineSeconds: 10 })
  })
})

async function sha256(file: string): Promise<string> {
  const { createHash } = await import('node:crypto')
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex')
}
