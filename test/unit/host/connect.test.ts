import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connectHost, shareConnections } from '../../../src/host/connect.ts'
import { Secret } from '../../../src/inventory/secret.ts'
import type { Problem } from '../../../src/problem.ts'
import { know, makeKey, optionsFor, startSshd, type LocalSshd } from './local-sshd.ts'

let sshd: LocalSshd

beforeAll(async () => {
  sshd = await startSshd()
})

afterAll(() => sshd.stop())

beforeEach(() => know(sshd))

/** The problem that connecting ends with. */
async function refusal(connecting: Promise<{ close(): Promise<void> }>): Promise<Problem> {
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

async function echo(options: Parameters<typeof connectHost>[1], host = sshd.host): Promise<string> {
  const connection = await connectHost(host, options)
  try {
    return (await connection.exec('echo hello', { deadlineSeconds: 10 })).stdout
  } finally {
    await connection.close()
  }
}

/** The ssh_config of the sshd with one line put before the rest. */
function configWith(line: string): string {
  const file = path.join(sshd.folder, 'ssh_config_more')
  writeFileSync(file, `${line}\n${readFileSync(sshd.config, 'utf8')}`)
  return file
}

describe('the key of the host', () => {
  test('that is known is accepted without a word', async () => {
    const options = optionsFor(sshd)
    expect(await echo(options)).toBe('hello\n')
    expect(options.events).toEqual([{ type: 'host-step', host: 'pi-test', step: 'connect' }])
  })

  test('that nobody knows is refused, with its fingerprint and what to do', async () => {
    writeFileSync(sshd.knownHosts, '')
    const problem = await refusal(connectHost(sshd.host, optionsFor(sshd)))
    expect(problem).toMatchObject({ code: 'host-key-unknown', exit: 3, host: 'pi-test' })
    expect(problem.found).toContain(sshd.fingerprint)
    expect(problem.next).toContain('--accept-new')
    expect(readFileSync(sshd.knownHosts, 'utf8')).toBe('')
  })

  test('is asked about on a terminal, and remembered after a yes', async () => {
    writeFileSync(sshd.knownHosts, '')
    const asked: string[] = []
    const confirm = async (question: string) => {
      asked.push(question)
      return true
    }
    expect(await echo(optionsFor(sshd, { confirm }))).toBe('hello\n')
    expect(await echo(optionsFor(sshd))).toBe('hello\n')
    expect(asked).toHaveLength(1)
    expect(asked[0]).toContain(sshd.fingerprint)
  })

  test('may be compared for longer than connecting may take', async () => {
    writeFileSync(sshd.knownHosts, '')
    const confirm = async () => {
      await new Promise((resolve) => setTimeout(resolve, 1500))
      return true
    }
    expect(await echo(optionsFor(sshd, { confirm, connectTimeoutSeconds: 1 }))).toBe('hello\n')
  })

  test('is not remembered after a no', async () => {
    writeFileSync(sshd.knownHosts, '')
    const problem = await refusal(connectHost(sshd.host, optionsFor(sshd, { confirm: async () => false })))
    expect(problem.code).toBe('host-key-unknown')
    expect(readFileSync(sshd.knownHosts, 'utf8')).toBe('')
  })

  test("is recorded by --accept-new in the inventory's own file, which is then read", async () => {
    writeFileSync(sshd.knownHosts, '')
    const knownHosts = path.join(sshd.folder, 'inventory-known-hosts')
    const ssh = { config: sshd.config, knownHosts }
    expect(await echo(optionsFor(sshd, { ssh, acceptNew: true }))).toBe('hello\n')
    expect(readFileSync(knownHosts, 'utf8')).toBe(`[127.0.0.1]:${sshd.port} ${sshd.hostKey}\n`)
    expect(readFileSync(sshd.knownHosts, 'utf8')).toBe('')
    expect(await echo(optionsFor(sshd, { ssh }))).toBe('hello\n')
  })

  test('is recorded with a hashed name when the user hashes names', async () => {
    writeFileSync(sshd.knownHosts, '')
    const ssh = { config: configWith('HashKnownHosts yes'), knownHosts: null }
    await echo(optionsFor(sshd, { ssh, acceptNew: true }))
    expect(readFileSync(sshd.knownHosts, 'utf8')).toMatch(/^\|1\|/)
    expect(await echo(optionsFor(sshd, { ssh }))).toBe('hello\n')
  })

  test('that cannot be recorded is used all the same, with a warning', async () => {
    const ssh = { config: sshd.config, knownHosts: path.join(sshd.key, 'not-a-folder', 'known_hosts') }
    writeFileSync(sshd.knownHosts, '')
    const options = optionsFor(sshd, { ssh, acceptNew: true })
    expect(await echo(options)).toBe('hello\n')
    expect(options.events).toContainEqual(expect.objectContaining({ type: 'warning', code: 'host-key-not-recorded' }))
  })

  test('is not taken for new when a known_hosts file cannot be read', async () => {
    const ssh = { config: sshd.config, knownHosts: sshd.folder }
    const problem = await refusal(connectHost(sshd.host, optionsFor(sshd, { ssh, acceptNew: true })))
    expect(problem).toMatchObject({ code: 'known-hosts-unreadable', exit: 2 })
  })

  test('that has changed is refused even with --accept-new, naming both keys, the line and the ways out', async () => {
    const other = makeKey(path.join(sshd.folder, `other-${Math.random()}`))
    writeFileSync(sshd.knownHosts, `# a comment\n[127.0.0.1]:${sshd.port} ${other}\n`)
    const problem = await refusal(
      connectHost(sshd.host, optionsFor(sshd, { acceptNew: true, confirm: async () => true })),
    )
    expect(problem).toMatchObject({ code: 'host-key-changed', exit: 3 })
    expect(problem.found).toContain(sshd.fingerprint)
    expect(problem.found).toContain(`${sshd.knownHosts}:2`)
    expect(problem.next).toContain('streamside restore pi-test')
    expect(problem.next).toContain(`ssh-keygen -R '[127.0.0.1]:${sshd.port}'`)
  })

  test('that is revoked is refused', async () => {
    appendFileSync(sshd.knownHosts, `@revoked * ${sshd.hostKey}\n`)
    const problem = await refusal(connectHost(sshd.host, optionsFor(sshd, { acceptNew: true })))
    expect(problem).toMatchObject({ code: 'host-key-revoked', exit: 3 })
  })

  test('that RevokedHostKeys lists is refused, and a list that cannot be read is a problem of its own', async () => {
    const list = path.join(sshd.folder, 'revoked-keys')
    const ssh = { config: configWith(`RevokedHostKeys ${list}`), knownHosts: null }
    await expect(connectHost(sshd.host, optionsFor(sshd, { ssh }))).rejects.toMatchObject({
      code: 'ssh-config',
      exit: 2,
    })
    writeFileSync(list, `# lost cards\n${sshd.hostKey} a comment\n`)
    expect(await refusal(connectHost(sshd.host, optionsFor(sshd, { ssh })))).toMatchObject({ code: 'host-key-revoked' })
    await run('ssh-keygen', ['-k', '-f', list, path.join(sshd.folder, 'host-key.pub')], {})
    expect((await refusal(connectHost(sshd.host, optionsFor(sshd, { ssh })))).found).toContain('revocation list')
  })

  test('is asked about once, although a long upload makes host and client exchange keys anew', async () => {
    const rekeying = await startSshd(['RekeyLimit 1M'])
    try {
      let questions = 0
      const confirm = async () => {
        questions += 1
        return true
      }
      const connection = await connectHost(rekeying.host, optionsFor(rekeying, { confirm }))
      const sent = await connection.exec('wc -c', { deadlineSeconds: 30, input: Buffer.alloc(8_000_000) })
      await connection.close()
      expect([sent.stdout.trim(), questions]).toEqual(['8000000', 1])
    } finally {
      await rekeying.stop()
    }
  })

  test('is looked up under its HostKeyAlias', async () => {
    writeFileSync(sshd.knownHosts, `the-alias ${sshd.hostKey}\n`)
    const ssh = { config: configWith('HostKeyAlias the-alias'), knownHosts: null }
    expect(await echo(optionsFor(sshd, { ssh }))).toBe('hello\n')
  })

  test('is asked for in the type that is known, although the host would rather show another', async () => {
    const both = await startSshd([`HostKey ${makeKeyFile('rsa-host-key', 'rsa')}`])
    try {
      const rsa = readFileSync(path.join(sshd.folder, 'rsa-host-key.pub'), 'utf8').trim()
      writeFileSync(both.knownHosts, `[127.0.0.1]:${both.port} ${rsa}\n`)
      expect(await echo(optionsFor(both), both.host)).toBe('hello\n')
    } finally {
      await both.stop()
    }
  })
})

function makeKeyFile(name: string, type = 'ed25519', passphrase = ''): string {
  const file = path.join(sshd.folder, name)
  if (!existsSync(file)) makeKey(file, type, passphrase)
  return file
}

describe('our own key', () => {
  test('that the host does not take is named, with the user and what to do', async () => {
    const wrong = makeKeyFile('wrong')
    const ssh = { config: configWith(`IdentityFile ${wrong}\nIdentityAgent none`), knownHosts: null }
    // The first IdentityFile does not replace the second: move the right one away.
    writeFileSync(ssh.config, readFileSync(ssh.config, 'utf8').replace(`IdentityFile ${sshd.key}`, ''))
    const problem = await refusal(connectHost(sshd.host, optionsFor(sshd, { ssh })))
    expect(problem).toMatchObject({ code: 'auth-failed', exit: 3 })
    expect(problem.found).toContain(wrong)
    expect(problem.found).toContain(`the user ${sshd.host.user}`)
    expect(problem.next).toContain('ssh-copy-id')
  })

  test('is offered after others that are not taken', async () => {
    const ssh = { config: configWith(`IdentityFile ${makeKeyFile('wrong')}`), knownHosts: null }
    expect(await echo(optionsFor(sshd, { ssh }))).toBe('hello\n')
  })

  test('that comes after more wrong ones than the host has patience for is a problem that says how to name it', async () => {
    const impatient = await startSshd(['MaxAuthTries 2'])
    try {
      know(impatient)
      const wrong = [1, 2, 3].map((index) => `IdentityFile ${makeKeyFile(`wrong-${index}`)}`).join('\n')
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
    const file = makeKeyFile(`let-in-${type}`, type)
    appendFileSync(path.join(sshd.folder, 'authorized_keys'), readFileSync(`${file}.pub`))
    expect(await echo(optionsFor(sshd, { ssh: onlyKey(file) }))).toBe('hello\n')
  })

  test('is asked for its passphrase once, however many hosts take it', async () => {
    const file = letIn('encrypted', 'the passphrase')
    const prompts: string[] = []
    const passphrase = async (prompt: string) => {
      prompts.push(prompt)
      // The first answer is wrong: it is asked again, as ssh does.
      return new Secret('passphrase', prompts.length === 1 ? 'no' : 'the passphrase')
    }
    const options = optionsFor(sshd, { ssh: onlyKey(file), passphrase })
    const shared = shareConnections(options)
    const answers = await Promise.all([1, 2, 3].map(() => echo({ ...options, shared })))
    await shared.close()
    expect(answers).toEqual(['hello\n', 'hello\n', 'hello\n'])
    expect(prompts).toEqual([`Passphrase of ${file}: `, `Passphrase of ${file}: `])
  })

  test('is not asked for its passphrase when the host would not take it', async () => {
    const file = makeKeyFile('encrypted-unwanted', 'ed25519', 'secret words')
    const passphrase = () => Promise.reject(new Error('asked for nothing'))
    const problem = await refusal(connectHost(sshd.host, optionsFor(sshd, { ssh: onlyKey(file), passphrase })))
    expect(problem.code).toBe('auth-failed')
    expect(problem.found).not.toContain('asked for nothing')
  })

  test('that is encrypted, without a terminal, is a problem that names ssh-add', async () => {
    const file = letIn('encrypted-alone', 'the passphrase')
    const problem = await refusal(connectHost(sshd.host, optionsFor(sshd, { ssh: onlyKey(file) })))
    expect(problem.code).toBe('auth-failed')
    expect(problem.next).toContain(`ssh-add ${file}`)
  })

  test('in an agent gets in, picked by its public half alone', async () => {
    const socket = path.join(sshd.folder, 'agent.sock')
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
    try {
      await until(() => existsSync(socket))
      const file = letIn('in-agent')
      for (const key of [makeKeyFile('wrong'), file]) await run('ssh-add', ['-q', key], { SSH_AUTH_SOCK: socket })
      const publicOnly = path.join(sshd.folder, 'public-only.pub')
      writeFileSync(publicOnly, readFileSync(`${file}.pub`))
      const ssh = onlyKey(publicOnly, `IdentityAgent ${socket}`)
      expect(await echo(optionsFor(sshd, { ssh }))).toBe('hello\n')
    } finally {
      agent.kill()
    }
  })

  test('in an agent that has died is made up for by a file, and the agent is named when that fails too', async () => {
    const dead = path.join(sshd.folder, 'no-agent.sock')
    expect(await echo(optionsFor(sshd, { ssh: onlyKey(sshd.key, `IdentityAgent ${dead}`) }))).toBe('hello\n')
    const problem = await refusal(
      connectHost(sshd.host, optionsFor(sshd, { ssh: onlyKey('/absent/key', `IdentityAgent ${dead}`) })),
    )
    expect(problem.found).toContain(`agent at ${dead}`)
  })
})

/** A configuration that offers this key and no other. */
function onlyKey(file: string, agent = 'IdentityAgent none') {
  const config = path.join(sshd.folder, `only-${path.basename(file)}-config`)
  writeFileSync(
    config,
    `Host *\n  IdentityFile ${file}\n  IdentitiesOnly yes\n  ${agent}\n  UserKnownHostsFile ${sshd.knownHosts}\n`,
  )
  return { config, knownHosts: null }
}

/** A key that the host takes. */
function letIn(name: string, passphrase = ''): string {
  const file = makeKeyFile(name, 'ed25519', passphrase)
  appendFileSync(path.join(sshd.folder, 'authorized_keys'), readFileSync(`${file}.pub`))
  return file
}

describe('a host that cannot be reached', () => {
  const code = async (host: Partial<typeof sshd.host>, seconds = 5) =>
    refusal(connectHost({ ...sshd.host, ...host }, optionsFor(sshd, { connectTimeoutSeconds: seconds })))

  test('because nothing listens there, says so at once', async () => {
    expect(await code({ port: 1 })).toMatchObject({ code: 'connection-refused', exit: 3, host: 'pi-test' })
  })

  test('because its name is unknown, says so', async () => {
    const problem = await code({ address: 'no-such-host.invalid' })
    expect(problem).toMatchObject({ code: 'host-not-found', exit: 3 })
    expect(problem.found).toContain('no-such-host.invalid')
  })

  test('because something else answers there, is given up after three tries', async () => {
    let connects = 0
    const server = net.createServer((socket) => {
      connects += 1
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    })
    const port = await listen(server)
    const problem = await code({ port }, 10)
    server.close()
    expect(problem).toMatchObject({ code: 'connection-dropped', exit: 3 })
    expect(connects).toBe(3)
  })

  test('because it accepts and then says nothing, is given up in time', async () => {
    const sockets: net.Socket[] = []
    const server = net.createServer((socket) => sockets.push(socket))
    const port = await listen(server)
    const began = performance.now()
    const problem = await code({ port }, 1)
    for (const socket of sockets) socket.destroy()
    server.close()
    expect(problem).toMatchObject({ code: 'connect-timeout', exit: 3 })
    expect(performance.now() - began).toBeLessThan(3000)
  })

  test('although an sshd drops connects that come too many at once (MaxStartups), is reached by trying again', async () => {
    const busy = await startSshd(['MaxStartups 1:100:1'])
    try {
      know(busy)
      // Somebody who connects and does not log in holds the one place, for a moment; the next is dropped.
      let holder = await greet(busy.port)
      while (!holder.greeting.startsWith('SSH-2.0')) holder = await greet(busy.port)
      expect((await greet(busy.port)).greeting).toContain('Exceeded MaxStartups')
      setTimeout(() => holder.socket.destroy(), 200)
      expect(await echo(optionsFor(busy), busy.host)).toBe('hello\n')
    } finally {
      await busy.stop()
    }
  })
})

describe('a ProxyCommand', () => {
  test('carries the connection', async () => {
    const relay = `node -e 'const s=require("net").connect(%p,"%h");process.stdin.pipe(s).pipe(process.stdout)'`
    const ssh = { config: configWith(`ProxyCommand ${relay}`), knownHosts: null }
    expect(await echo(optionsFor(sshd, { ssh }))).toBe('hello\n')
  })

  test('that fails is told in its own words', async () => {
    const ssh = { config: configWith('ProxyCommand echo the tunnel is closed >&2; exit 7'), knownHosts: null }
    const problem = await refusal(connectHost(sshd.host, optionsFor(sshd, { ssh })))
    expect(problem).toMatchObject({ code: 'proxy-command', exit: 3 })
    expect(problem.found).toContain('the tunnel is closed')
  })
})

async function greet(port: number): Promise<{ socket: net.Socket; greeting: string }> {
  const socket = net.connect({ port, host: '127.0.0.1' })
  const greeting = await new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(String(chunk))))
  return { socket, greeting }
}

async function listen(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port was given')
  return address.port
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 100 && !holds(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 20))
  expect(holds()).toBe(true)
}

async function run(command: string, argv: string[], environment: Record<string, string>): Promise<void> {
  const child = spawn(command, argv, { env: { ...process.env, ...environment }, stdio: 'ignore' })
  expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0)
}
