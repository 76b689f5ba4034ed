import net from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connectHost } from '../../../src/host/connect.ts'
import { configWith, echo, refusal } from './connecting.ts'
import { know, type LocalSshd, optionsFor, startSshd } from './local-sshd.ts'

let sshd: LocalSshd

beforeAll(async () => {
  sshd = await startSshd()
})

afterAll(() => sshd.stop())

beforeEach(() => know(sshd))

describe('a host that cannot be reached', () => {
  const code = async (host: Partial<typeof sshd.host>, seconds = 5) =>
    refusal(connectHost({ ...sshd.host, ...host }, optionsFor(sshd, { connectTimeoutSeconds: seconds })))

  test('because nothing listens there, says so at once', async () => {
    expect(await code({ port: 1 })).toMatchObject({ code: 'connection-refused', exit: 3, host: 'pi-test' })
  })

  test('because it has only newer key exchanges, says which to allow there', async () => {
    const newer = await startSshd(['KexAlgorithms sntrup761x25519-sha512@openssh.com'])
    try {
      know(newer)
      const problem = await refusal(connectHost(newer.host, optionsFor(newer)))
      expect(problem).toMatchObject({ code: 'ssh-handshake', exit: 3 })
      expect(problem.found).toMatch(/no matching key exchange.*none that this program has, only newer ones/)
      expect(problem.next).toMatch(/add curve25519-sha256 to the line KexAlgorithms/)
    } finally {
      await newer.stop()
    }
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
      expect(await echo(busy.host, optionsFor(busy))).toBe('hello\n')
    } finally {
      await busy.stop()
    }
  })
})

describe('a ProxyCommand', () => {
  test('carries the connection', async () => {
    const relay = `node -e 'const s=require("net").connect(%p,"%h");process.stdin.pipe(s).pipe(process.stdout)'`
    const ssh = { config: configWith(sshd, `ProxyCommand ${relay}`), knownHosts: null }
    expect(await echo(sshd.host, optionsFor(sshd, { ssh }))).toBe('hello\n')
  })

  test('that fails is told in its own words', async () => {
    const ssh = { config: configWith(sshd, 'ProxyCommand echo the tunnel is closed >&2; exit 7'), knownHosts: null }
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
