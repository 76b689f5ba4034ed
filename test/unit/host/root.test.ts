import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectHost } from '../../../src/host/connect.ts'
import type { SshConnection } from '../../../src/host/connection.ts'
import { launcher, marks } from '../../../src/host/launcher.ts'
import { payload } from '../../../src/host/payload.ts'
import { rootProblem } from '../../../src/host/root-problems.ts'
import { runAsRoot, type RootRun } from '../../../src/host/root.ts'
import { until } from './connecting.ts'
import { know, optionsFor, startSshd, type LocalSshd } from './local-sshd.ts'

/**
 * Here the user is root; sudo, with and without a password, is tried on real hosts (test/hosts/ssh.test.ts).
 */
let sshd: LocalSshd
let connection: SshConnection

beforeAll(async () => {
  // What a .bashrc that talks does to each command: a line, and one without its end.
  sshd = await startSshd([
    `ForceCommand echo welcome; printf 'no newline'; echo oops >&2; eval "$SSH_ORIGINAL_COMMAND"`,
  ])
  know(sshd)
  connection = await connectHost(sshd.host, optionsFor(sshd))
})

afterAll(async () => {
  await connection.close()
  await sshd.stop()
})

const run = (program: string, more: Partial<RootRun> = {}) =>
  runAsRoot(connection, {
    files: [{ name: 'program.sh', content: program }],
    workIn: '/run/streamside',
    program: 'program.sh',
    sudoPassword: null,
    deadlineSeconds: 20,
    ...more,
  })

describe('a program run as root', () => {
  test('is one exec, and its answer holds nothing of what the login shell says', async () => {
    const before = connection.execs
    const lines: string[] = []
    const answer = await run('id -u; echo problem >&2; exit 3', { onLine: (line) => lines.push(line) })
    expect(answer).toEqual({ code: 3, stdout: '0\n', stderr: 'problem\n' })
    expect(lines).toEqual(['0'])
    expect(connection.execs).toBe(before + 1)
  })

  test('gets its arguments unchanged and runs nothing of them', async () => {
    const args = ['', ' a  b ', `it's "$HOME" \`id\` \\n $(id)`, 'ü\n;x', '-n', '*', '!!', '%s']
    const answer = await run('for one; do printf "<%s>" "$one"; done', { args })
    expect(answer.stdout).toBe(args.map((arg) => `<${arg}>`).join(''))
  })

  test('has its files, big ones too, in a directory of its own that is gone afterwards', async () => {
    const answer = await run('pwd; stat -c "%a %U" .; stat -c "%a %s %U" "a b/c" big; cat "a b/c"', {
      files: [
        { name: 'program.sh', content: 'pwd; stat -c "%a %U" .; stat -c "%a %s %U" "a b/c" big; cat "a b/c"' },
        { name: 'a b/c', content: 'content', mode: 0o640 },
      ],
      streams: [{ name: 'big', path: process.execPath, mode: 0o755 }],
    })
    const [directory = '', ...rest] = answer.stdout.split('\n')
    expect(rest).toEqual(['700 root', '640 7 root', `755 ${statSync(process.execPath).size} root`, 'content'])
    expect(directory).toMatch(/^\/run\/streamside\/\w+$/)
    expect(existsSync(directory)).toBe(false)
    expect(statSync('/run/streamside').mode & 0o777).toBe(0o755)
  })

  test('has an empty stdin: nothing of the upload, and no end to wait for', async () => {
    expect((await run('cat; echo end')).stdout).toBe('end\n')
  })

  test('that takes too long is given up here, and ended on the host', async () => {
    const began = performance.now()
    let pid = ''
    const running = run('echo $$; sleep 60', { deadlineSeconds: 1, onLine: (line) => (pid = line) })
    await expect(running).rejects.toMatchObject({ code: 'deadline' })
    expect(performance.now() - began).toBeLessThan(4000)
    await until(() => !existsSync(`/proc/${pid}`))
  })

  test('whose upload fails is not run, and leaves nothing behind', async () => {
    const left = () => (existsSync('/run/streamside') ? readdirSync('/run/streamside') : [])
    const before = left()
    const streams = [{ name: 'big', path: '/absent/file' }]
    await expect(run('echo ran', { streams })).rejects.toMatchObject({ code: 'file-unreadable' })
    await until(() => left().every((name) => before.includes(name)))
    expect(left().filter((name) => !before.includes(name))).toEqual([])
  })
})

describe('the launcher', () => {
  /** Runs it here, without ssh, and feeds it a tar. */
  const launch = (shell: string[], tar: Buffer, workIn = '/run/streamside') => {
    const [command = '', ...argv] = shell
    return spawnSync(command, [...argv, launcher('streamside-0000', workIn, 10)], { input: tar, encoding: 'utf8' })
  }
  const tarOf = async (program: string) => {
    const chunks: Uint8Array[] = []
    const files = [
      { name: '.run', content: program },
      { name: 'second', content: 'x' },
    ]
    for await (const chunk of payload(files, [])) chunks.push(chunk)
    return Buffer.concat(chunks)
  }

  test('does not run a program whose upload was cut, wherever the cut is', async () => {
    const tar = await tarOf('echo ran')
    expect(launch(['sh', '-c'], tar).stdout).toContain('streamside-0000 started\nran\n')
    // Whole entries, between which GNU tar takes the end for a good one, are 512 bytes and a multiple.
    for (let cut = 0; cut < tar.indexOf('.complete') + 512; cut += 256) {
      const answer = launch(['sh', '-c'], tar.subarray(0, cut))
      expect(answer.stdout).not.toContain('ran')
      expect(answer.status).toBe(74)
    }
  })

  test('keeps a directory below /var/lib for the program that was started, and removes it when none was', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'streamside-incoming-'))
    try {
      const answer = launch(['sh', '-c'], await tarOf('echo kept >here; pwd'), folder)
      const kept = answer.stdout.trim().split('\n').at(-1) ?? ''
      expect(readFileSync(path.join(kept, 'here'), 'utf8')).toBe('kept\n')
      rmSync(kept, { recursive: true })
      launch(['sh', '-c'], Buffer.alloc(0), folder)
      expect(readdirSync(folder)).toEqual([])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('reads alike in every shell a user may have: no quote, backslash, newline or history mark within', () => {
    const command = launcher('streamside-0000', '/run/streamside', 10)
    expect(command).not.toMatch(/[\\!\n]/)
    expect(command.split("'")).toHaveLength(5)
  })

  const shells = ['bash', 'dash', 'zsh', 'fish', 'tcsh', 'ksh', 'busybox'].filter(
    (shell) => spawnSync('sh', ['-c', `command -v ${shell}`]).status === 0,
  )
  test.each(shells)('is started by %s', async (shell) => {
    const argv = shell === 'busybox' ? ['busybox', 'sh', '-c'] : [shell, '-c']
    expect(launch(argv, await tarOf('echo ran; exit 5'))).toMatchObject({
      stdout: '\nstreamside-0000 root\nstreamside-0000 started\nran\n',
      status: 5,
    })
  })

  test('without sudo, as another user than root, says so', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'streamside-path-'))
    writeFileSync(path.join(folder, 'id'), '#!/bin/sh\necho 1000\n', { mode: 0o755 })
    const answer = spawnSync(
      '/bin/sh',
      ['-c', launcher('streamside-0000', '/run/streamside', 10).replace('sh -c', '/bin/sh -c')],
      {
        env: { PATH: folder },
        encoding: 'utf8',
      },
    )
    rmSync(folder, { recursive: true })
    expect(answer.stderr).toBe('sudo is not installed\n')
    expect(answer.status).toBe(127)
  })
})

describe('a launcher that ends before the program began', () => {
  const mark = marks('streamside-0000')
  const nothing = { stderr: '', asked: 0, answered: false, root: false, started: false }
  const context = { doing: 'probing pi', host: 'pi', mark }
  const result = { code: 1, stdout: '', stderr: '' }

  test.each([
    ['sudo-password-needed', { ...nothing, asked: 1, stderr: `${mark.password}sudo: no password was provided\n` }],
    [
      'sudo-password-wrong',
      { ...nothing, asked: 2, answered: true, stderr: `${mark.password}Sorry, try again.\n${mark.password}` },
    ],
    ['no-sudo', { ...nothing, asked: 1, answered: true, stderr: `${mark.password}pi is not in the sudoers file.\n` }],
    ['no-sudo', { ...nothing, stderr: 'sudo is not installed\n' }],
    ['no-sudo', { ...nothing, stderr: 'sudo: sorry, you must have a tty to run sudo\n' }],
    ['unpack-failed', { ...nothing, root: true, stderr: 'tar: Unexpected EOF in archive\n' }],
    ['disk-full', { ...nothing, root: true, stderr: 'tar: x: Cannot write: No space left on device\n' }],
    ['disk-full', { ...nothing, stderr: 'mktemp: failed to create directory: No space left on device\n' }],
    ['read-only', { ...nothing, stderr: 'mkdir: cannot create directory: Read-only file system\n' }],
    ['no-shell', { ...nothing, stderr: 'This account is currently not available.\n' }],
    ['no-root', { ...nothing, stderr: 'sudo: account validation failure\n' }],
  ])('is told as %s', (code, talk) => {
    const problem = rootProblem(talk, result, context)
    expect(problem).toMatchObject({ code, doing: 'probing pi', host: 'pi', exit: 1 })
    expect(problem.found).not.toContain(mark.nonce)
  })
})
