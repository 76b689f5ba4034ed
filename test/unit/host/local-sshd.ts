import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import path from 'node:path'
import { plainCard } from '../../../src/inventory/cards.ts'
import type { ConnectOptions } from '../../../src/host/connect.ts'
import type { Host } from '../../../src/inventory/model.ts'
import type { RunEvent } from '../../../src/report/events.ts'

/** A real sshd of this test's own on a loopback port: own host key, own authorized_keys, own folder. */
export interface LocalSshd {
  folder: string
  port: number
  /** The public host key as one known_hosts line, without its name. */
  hostKey: string
  /** `SHA256:…` of it, by ssh-keygen. */
  fingerprint: string
  /** Private key that is let in. */
  key: string
  /** ssh_config(5) for `ssh -F`, that names nothing of the user's own. */
  config: string
  knownHosts: string
  host: Host
  child: ChildProcess
  /** What sshd has logged so far. */
  said(): string
  /** Kills the processes of open sessions, but not the one that listens: the network sees what a power cut shows it. */
  killSessions(): void
  stop(): Promise<void>
}

export function makeKey(file: string, type = 'ed25519', passphrase = '', extra: string[] = []): string {
  execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', path.basename(file), '-f', file, ...extra])
  return readFileSync(`${file}.pub`, 'utf8').trim()
}

/** Starts sshd with these lines added to its configuration. Its host key is not in `knownHosts` yet. */
export async function startSshd(lines: string[] = [], hostKeyType = 'ed25519'): Promise<LocalSshd> {
  if (!existsSync('/usr/sbin/sshd'))
    throw new Error('these tests need a real sshd: apt-get install openssh-server (scripts/test does it)')
  const folder = mkdtempSync(path.join(tmpdir(), 'streamside-sshd-'))
  const hostKey = makeKey(path.join(folder, 'host-key'), hostKeyType).split(' ').slice(0, 2).join(' ')
  const key = path.join(folder, 'id')
  writeFileSync(path.join(folder, 'authorized_keys'), `${makeKey(key)}\n`)
  // The privilege separation folder of Debian's sshd, which its unit would have made.
  mkdirSync('/run/sshd', { recursive: true })
  const port = await freePort()
  const config = path.join(folder, 'ssh_config')
  const knownHosts = path.join(folder, 'known_hosts')
  writeFileSync(
    config,
    `Host *\n  IdentityFile ${key}\n  IdentityAgent none\n  UserKnownHostsFile ${knownHosts}\n  GlobalKnownHostsFile none\n  HashKnownHosts no\n`,
  )
  writeFileSync(
    path.join(folder, 'sshd_config'),
    [
      ...lines,
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${path.join(folder, 'host-key')}`,
      `PidFile none`,
      `AuthorizedKeysFile ${path.join(folder, 'authorized_keys')}`,
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'StrictModes no',
      'UsePAM no',
      'PermitRootLogin yes',
      '',
    ].join('\n'),
  )
  // -D: stays a child of ours, so that stopping it stops it.
  const child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', path.join(folder, 'sshd_config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  // A test run that is ended in the middle leaves no sshd behind.
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  await listening(port, () => said)
  const host: Host = {
    name: 'pi-test',
    address: '127.0.0.1',
    port,
    user: userInfo().username,
    tags: [],
    sudoPassword: null,
    card: plainCard('pi-test'),
  }
  return {
    folder,
    port,
    hostKey,
    fingerprint:
      execFileSync('ssh-keygen', ['-lf', path.join(folder, 'host-key.pub')], { encoding: 'utf8' }).split(' ')[1] ?? '',
    key,
    config,
    knownHosts,
    host,
    child,
    said: () => said,
    killSessions() {
      const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(child.pid)], { encoding: 'utf8' })
      for (const pid of children.trim().split(/\s+/)) if (pid !== '') process.kill(Number(pid), 'SIGKILL')
    },
    async stop() {
      process.off('exit', end)
      const gone = new Promise((resolve) => child.once('exit', resolve))
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL')
        await gone
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Makes the host known, as after a first contact. */
export function know(sshd: LocalSshd): void {
  writeFileSync(sshd.knownHosts, `[127.0.0.1]:${sshd.port} ${sshd.hostKey}\n`)
}

/** Options for connectHost that use the sshd's own ssh_config. */
export function optionsFor(
  sshd: LocalSshd,
  more: Partial<ConnectOptions> = {},
): ConnectOptions & { events: RunEvent[] } {
  const events: RunEvent[] = []
  return {
    ssh: { config: sshd.config, knownHosts: null },
    acceptNew: false,
    report: (event) => void events.push(event),
    connectTimeoutSeconds: 10,
    events,
    ...more,
  }
}

async function freePort(): Promise<number> {
  const server = net.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port was given')
  await new Promise((resolve) => server.close(resolve))
  return address.port
}

async function listening(port: number, said: () => string): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = net.connect({ port, host: '127.0.0.1' }, () => {
        socket.destroy()
        resolve(true)
      })
      socket.on('error', () => resolve(false))
    })
    if (open) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`sshd did not start:\n${said()}`)
}
