import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectHost, shareConnections } from '../../../src/host/connect.ts'
import { parseProxyJump } from '../../../src/host/jump.ts'
import { optionsFor, startSshd, type LocalSshd } from './local-sshd.ts'

let outer: LocalSshd
let inner: LocalSshd
let target: LocalSshd

beforeAll(async () => {
  ;[outer, inner, target] = await Promise.all([startSshd(['LogLevel VERBOSE']), startSshd(), startSshd()])
})

afterAll(() => Promise.all([outer.stop(), inner.stop(), target.stop()]))

/** One ssh_config for all three; each has its own key and known_hosts, as bastions do. */
function optionsThrough(jump: string) {
  const config = path.join(target.folder, `jump-${jump.replaceAll(/\W/g, '-')}`)
  const of = (name: string, sshd: LocalSshd, more = '') =>
    `Host ${name}\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  IdentityFile ${sshd.key}\n  UserKnownHostsFile ${sshd.knownHosts}\n${more}`
  writeFileSync(
    config,
    of('outer', outer) +
      of('inner', inner) +
      of('behind', target, `  ProxyJump ${jump}\n`) +
      'Host *\n  IdentityAgent none\n  HashKnownHosts no\n',
  )
  for (const sshd of [outer, inner, target])
    writeFileSync(sshd.knownHosts, `[127.0.0.1]:${sshd.port} ${sshd.hostKey}\n`)
  return optionsFor(target, { ssh: { config, knownHosts: null } })
}

const behind = () => ({ ...target.host, address: 'behind', port: null })

/** Logins the outer sshd has seen. */
const logins = () => outer.said().match(/Accepted publickey/g)?.length ?? 0

describe('a host behind a jump host', () => {
  test('is reached, and its execs are not mixed with those on the way', async () => {
    const connection = await connectHost(behind(), optionsThrough('outer'))
    expect((await connection.exec('echo hello', { deadlineSeconds: 10 })).stdout).toBe('hello\n')
    expect(connection.execs).toBe(1)
    await connection.close()
  })

  test('is reached through two hops, each with its own settings, and carries TCP on from there', async () => {
    const connection = await connectHost(behind(), optionsThrough('outer,inner'))
    expect((await connection.exec('echo hello', { deadlineSeconds: 10 })).stdout).toBe('hello\n')
    const channel = await connection.openChannel('127.0.0.1', target.port)
    const [banner] = (await once(channel, 'data')) as [Buffer]
    channel.destroy()
    expect(String(banner)).toMatch(/^SSH-2\.0/)
    await connection.close()
  })

  test('shares one connection to the jump host with the others of the run', async () => {
    const options = optionsThrough('outer')
    const shared = shareConnections(options)
    const before = logins()
    const connections = await Promise.all(
      Array.from({ length: 12 }, () => connectHost(behind(), { ...options, shared })),
    )
    const answers = await Promise.all(connections.map((one) => one.exec('echo hello', { deadlineSeconds: 10 })))
    expect(answers.map((answer) => answer.stdout)).toEqual(Array.from({ length: 12 }, () => 'hello\n'))
    expect(logins()).toBe(before + 1)
    await Promise.all(connections.map((one) => one.close()))
    await shared.close()
  })

  test('has its own host key checked, and so has the jump host', async () => {
    const options = optionsThrough('outer')
    writeFileSync(target.knownHosts, '')
    await expect(connectHost(behind(), options)).rejects.toMatchObject({ code: 'host-key-unknown', host: 'pi-test' })
    const again = optionsThrough('outer')
    writeFileSync(outer.knownHosts, '')
    await expect(connectHost(behind(), again)).rejects.toMatchObject({
      code: 'host-key-unknown',
      host: 'pi-test',
      doing: 'connecting to pi-test through outer: connecting to outer',
    })
  })

  test('is the only one that the run reports steps of', async () => {
    const options = optionsThrough('outer')
    writeFileSync(outer.knownHosts, '')
    const connection = await connectHost(behind(), { ...options, acceptNew: true })
    await connection.close()
    const hosts = options.events.flatMap((event) => (event.type === 'host-step' ? [event.host] : []))
    expect(new Set(hosts)).toEqual(new Set(['pi-test']))
    expect(options.events).toContainEqual({
      type: 'note',
      message: expect.stringContaining(`jump host outer: new ED25519 key ${outer.fingerprint}`) as string,
    })
  })

  test('that the jump host cannot reach is a problem that names both', async () => {
    const options = optionsThrough('outer')
    writeFileSync(
      options.ssh.config ?? '',
      readFileSync(options.ssh.config ?? '', 'utf8').replace(`Port ${target.port}`, 'Port 1'),
    )
    await expect(connectHost(behind(), options)).rejects.toMatchObject({ code: 'forward-refused', exit: 3 })
  })

  test('is lost, not finished, when the jump host goes', async () => {
    const connection = await connectHost(behind(), optionsThrough('inner'))
    const running = connection.exec('echo begun; sleep 30', { deadlineSeconds: 20, onLine: () => inner.killSessions() })
    await expect(running).rejects.toMatchObject({ code: 'connection-lost' })
    await connection.close()
  })
})

describe('a ProxyJump value', () => {
  test('is read with users, ports, addresses of both families and several hops', () => {
    expect(parseProxyJump('ops@gate:2200,ssh://inner,joe@[fe80::1]:22', 'pi')).toEqual([
      { user: 'ops', address: 'gate', port: 2200 },
      { user: null, address: 'inner', port: null },
      { user: 'joe', address: 'fe80::1', port: 22 },
    ])
  })

  test.each(['', 'a,,b', 'a:port', '-oProxyCommand=x'])('that cannot be read (%j) is a problem', (value) => {
    expect(() => parseProxyJump(value, 'pi')).toThrow(expect.objectContaining({ code: 'ssh-config' }))
  })
})
