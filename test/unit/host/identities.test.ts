import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connectHost, shareConnections } from '../../../src/host/connect.ts'
import { createKeyring } from '../../../src/host/identities.ts'
import { sshSettings } from '../../../src/host/ssh-settings.ts'
import { Secret } from '../../../src/inventory/secret.ts'
import { configWith, echo, letIn, makeKeyFile, onlyKey, refusal, run, until } from './connecting.ts'
import { know, type LocalSshd, optionsFor, startSshd } from './local-sshd.ts'

let sshd: LocalSshd

beforeAll(async () => {
  sshd = await startSshd()
})

afterAll(() => sshd.stop())

beforeEach(() => know(sshd))

describe('our own key', () => {
  test('that the host does not take is named, with the user and what to do', async () => {
    const wrong = makeKeyFile(sshd, 'wrong')
    const ssh = { config: configWith(sshd, `IdentityFile ${wrong}\nIdentityAgent none`), knownHosts: null }
    // The first IdentityFile does not replace the second: move the right one away.
    writeFileSync(ssh.config, readFileSync(ssh.config, 'utf8').replace(`IdentityFile ${sshd.key}`, ''))
    const problem = await refusal(connectHost(sshd.host, optionsFor(sshd, { ssh })))
    expect(problem).toMatchObject({ code: 'auth-failed', exit: 3 })
    expect(problem.found).toContain(wrong)
    expect(problem.found).toContain(`the user ${sshd.host.user}`)
    expect(problem.next).toContain('ssh-copy-id')
  })

  test('is offered after others that are not taken', async () => {
    const ssh = { config: configWith(sshd, `IdentityFile ${makeKeyFile(sshd, 'wrong')}`), knownHosts: null }
    expect(await echo(sshd.host, optionsFor(sshd, { ssh }))).toBe('hello\n')
  })

  test('that comes after more wrong ones than the host has patience for is a problem that says how to name it', async () => {
    const impatient = await startSshd(['MaxAuthTries 2'])
    try {
      know(impatient)
      const wrong = [1, 2, 3].map((index) => `IdentityFile ${makeKeyFile(sshd, `wrong-${index}`)}`).join('\n')
      const config = path.join(impatient.folder, 'many-keys')
      writeFileSync(config, `${wrong}\n${readFileSync(impatient.config, 'utf8')}`)
      const ssh = { config, knownHosts: null }
      const problem = await refusal(connectHost(impatient.host, optionsFor(impatient, { ssh })))
      expect(problem).toMatchObject({ code: 'auth-failed', exit: 3 })
      expect(problem.next).toContain('IdentitiesOnly yes')
    } finally {
      await impatient.stop()
    }
  })

  test.each(['ed25519', 'ecdsa', 'rsa'])('of type %s gets in', async (type) => {
    const file = letIn(sshd, `let-in-${type}`, '', type)
    expect(await echo(sshd.host, optionsFor(sshd, { ssh: onlyKey(sshd, file) }))).toBe('hello\n')
  })

  test('is asked for its passphrase once, however many hosts take it', async () => {
    const file = letIn(sshd, 'encrypted', 'the passphrase')
    const prompts: string[] = []
    const passphrase = async (prompt: string) => {
      prompts.push(prompt)
      // The first answer is wrong: it is asked again, as ssh does.
      return new Secret('passphrase', prompts.length === 1 ? 'no' : 'the passphrase')
    }
    const options = optionsFor(sshd, { ssh: onlyKey(sshd, file), passphrase })
    const shared = shareConnections(options)
    const answers = await Promise.all([1, 2, 3].map(() => echo(sshd.host, { ...options, shared })))
    await shared.close()
    expect(answers).toEqual(['hello\n', 'hello\n', 'hello\n'])
    expect(prompts).toEqual([`Passphrase of ${file}: `, `Passphrase of ${file}: `])
  })

  test('is not asked for its passphrase when the host would not take it', async () => {
    const file = makeKeyFile(sshd, 'encrypted-unwanted', 'ed25519', 'secret words')
    const passphrase = () => Promise.reject(new Error('asked for nothing'))
    const problem = await refusal(connectHost(sshd.host, optionsFor(sshd, { ssh: onlyKey(sshd, file), passphrase })))
    expect(problem.code).toBe('auth-failed')
    expect(problem.found).not.toContain('asked for nothing')
  })

  test('that is encrypted, without a terminal, is a problem that names ssh-add', async () => {
    const file = letIn(sshd, 'encrypted-alone', 'the passphrase')
    const problem = await refusal(connectHost(sshd.host, optionsFor(sshd, { ssh: onlyKey(sshd, file) })))
    expect(problem.code).toBe('auth-failed')
    expect(problem.next).toContain(`ssh-add ${file}`)
  })

  test('in an agent gets in, picked by its public half alone', async () => {
    const socket = path.join(sshd.folder, 'agent.sock')
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
    try {
      await until(() => existsSync(socket))
      const file = letIn(sshd, 'in-agent')
      for (const key of [makeKeyFile(sshd, 'wrong'), file]) await run('ssh-add', ['-q', key], { SSH_AUTH_SOCK: socket })
      const publicOnly = path.join(sshd.folder, 'public-only.pub')
      writeFileSync(publicOnly, readFileSync(`${file}.pub`))
      const ssh = onlyKey(sshd, publicOnly, `IdentityAgent ${socket}`)
      expect(await echo(sshd.host, optionsFor(sshd, { ssh }))).toBe('hello\n')
    } finally {
      agent.kill()
    }
  })

  test('in an agent goes before the other keys there when the settings name it', async () => {
    const socket = path.join(sshd.folder, 'full-agent.sock')
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
    try {
      await until(() => existsSync(socket))
      for (const key of [makeKeyFile(sshd, 'wrong'), makeKeyFile(sshd, 'wrong-too'), sshd.key])
        await run('ssh-add', ['-q', key], { SSH_AUTH_SOCK: socket })
      const ssh = { config: configWith(sshd, `IdentityAgent ${socket}`), knownHosts: null }
      const { offered } = await createKeyring(undefined).identities(
        await sshSettings({ ...sshd.host, config: ssh.config, host: 'pi' }),
      )
      expect(offered.map((key) => key.label)).toEqual(['agent key id', 'agent key wrong', 'agent key wrong-too'])
      expect(await echo(sshd.host, optionsFor(sshd, { ssh }))).toBe('hello\n')
    } finally {
      agent.kill()
    }
  })

  test('in an agent that has died is made up for by a file, and the agent is named when that fails too', async () => {
    const dead = path.join(sshd.folder, 'no-agent.sock')
    expect(await echo(sshd.host, optionsFor(sshd, { ssh: onlyKey(sshd, sshd.key, `IdentityAgent ${dead}`) }))).toBe(
      'hello\n',
    )
    const problem = await refusal(
      connectHost(sshd.host, optionsFor(sshd, { ssh: onlyKey(sshd, '/absent/key', `IdentityAgent ${dead}`) })),
    )
    expect(problem.found).toContain(`agent at ${dead}`)
  })
})
