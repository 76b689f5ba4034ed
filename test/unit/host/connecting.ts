import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import { type ConnectOptions, connectHost } from '../../../src/host/connect.ts'
import type { Host, Inventory } from '../../../src/inventory/model.ts'
import type { Problem } from '../../../src/problem.ts'
import { type LocalSshd, makeKey } from './local-sshd.ts'

/** The problem that connecting ends with. */
export async function refusal(connecting: Promise<{ close(): Promise<void> }>): Promise<Problem> {
  const outcome = await connecting.then(
    (connection) => connection,
    (problem: Problem) => problem,
  )
  if ('close' in outcome) {
    await outcome.close()
    throw new Error('it connected')
  }
  return outcome
}

/** Connects, runs a command, and closes: `hello` when all is well. */
export async function echo(host: Host, options: ConnectOptions): Promise<string> {
  const connection = await connectHost(host, options)
  try {
    return (await connection.exec('echo hello', { deadlineSeconds: 10 })).stdout
  } finally {
    await connection.close()
  }
}

/** The sshd's ssh_config with lines put before the rest: for ssh the first value counts. */
export function configWith(sshd: LocalSshd, lines: string): string {
  const file = path.join(sshd.folder, 'ssh_config_more')
  writeFileSync(file, `${lines}\n${readFileSync(sshd.config, 'utf8')}`)
  return file
}

/** A configuration that offers this key and no other. */
export function onlyKey(sshd: LocalSshd, file: string, agent = 'IdentityAgent none'): Inventory['ssh'] {
  const config = path.join(sshd.folder, `only-${path.basename(file)}-config`)
  writeFileSync(
    config,
    `Host *\n  IdentityFile ${file}\n  IdentitiesOnly yes\n  ${agent}\n  UserKnownHostsFile ${sshd.knownHosts}\n`,
  )
  return { config, knownHosts: null }
}

/** A key that nobody takes, made once a name. */
export function makeKeyFile(sshd: LocalSshd, name: string, type = 'ed25519', passphrase = ''): string {
  const file = path.join(sshd.folder, name)
  if (!existsSync(file)) makeKey(file, type, passphrase)
  return file
}

/** A key that the host takes. */
export function letIn(sshd: LocalSshd, name: string, passphrase = '', type = 'ed25519'): string {
  const file = makeKeyFile(sshd, name, type, passphrase)
  appendFileSync(path.join(sshd.folder, 'authorized_keys'), readFileSync(`${file}.pub`))
  return file
}

/** Waits until something holds, at most 3 s. */
export async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 60 && !holds(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 50))
  expect(holds()).toBe(true)
}

/** Runs a local command that has to succeed. */
export async function run(command: string, argv: string[], environment: Record<string, string> = {}): Promise<void> {
  const child = spawn(command, argv, { env: { ...process.env, ...environment }, stdio: 'ignore' })
  expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0)
}
