import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectHost } from '../../../src/host/connect.ts'
import type { SshConnection } from '../../../src/host/connection.ts'
import { know, optionsFor, startSshd, type LocalSshd } from './local-sshd.ts'

let sshd: LocalSshd
let connection: SshConnection

beforeAll(async () => {
  sshd = await startSshd()
  know(sshd)
  connection = await connectHost(sshd.host, optionsFor(sshd))
})

afterAll(async () => {
  await connection.close()
  await sshd.stop()
})

describe('a command on a host', () => {
  test('answers with its status and what it printed, unchanged', async () => {
    const answer = await connection.exec('printf "  a\\n\\n"; printf " e " >&2; exit 3', { deadlineSeconds: 10 })
    expect(answer).toEqual({ code: 3, stdout: '  a\n\n', stderr: ' e ' })
  })

  test('is counted as one exec', async () => {
    const before = connection.execs
    await connection.exec('true', { deadlineSeconds: 10 })
    expect(connection.execs).toBe(before + 1)
  })

  test('that a signal ends is no success', async () => {
    expect((await connection.exec('kill -KILL $$', { deadlineSeconds: 10 })).code).toBe(137)
  })

  test('is heard line by line, characters of many bytes whole, wherever the network cuts', async () => {
    const lines: string[] = []
    const halves = "printf '\\303'; sleep 0.1; printf '\\244\\nb'; sleep 0.1; printf 'c\\nlast'"
    const answer = await connection.exec(halves, { deadlineSeconds: 10, onLine: (line) => lines.push(line) })
    expect(lines).toEqual(['ä', 'bc', 'last'])
    expect(answer.stdout).toBe('ä\nbc\nlast')
  })

  test('gets its input whole: text, bytes and streams', async () => {
    const bytes = randomBytes(3_000_000)
    const sum = createHash('sha256').update(bytes).digest('hex')
    const slow = Readable.from(pieces(bytes), { objectMode: false })
    for (const input of [bytes, slow])
      expect((await connection.exec('sha256sum', { deadlineSeconds: 20, input })).stdout).toBe(`${sum}  -\n`)
    expect((await connection.exec('cat', { deadlineSeconds: 10, input: 'schön\n' })).stdout).toBe('schön\n')
    expect((await connection.exec('cat', { deadlineSeconds: 10 })).stdout).toBe('')
  })

  test('whose input fails to be read ends with that error', async () => {
    const broken = new Readable({
      read() {
        this.destroy(new Error('the card is gone'))
      },
    })
    await expect(connection.exec('cat', { deadlineSeconds: 10, input: broken })).rejects.toThrow('the card is gone')
  })

  test('whose listener throws ends with that error, and the connection lives on', async () => {
    const listener = () => {
      throw new Error('a bug')
    }
    await expect(connection.exec('echo a', { deadlineSeconds: 10, onLine: listener })).rejects.toThrow('a bug')
    expect((await connection.exec('true', { deadlineSeconds: 10 })).code).toBe(0)
  })

  test('that takes too long is given up in time', async () => {
    const began = performance.now()
    await expect(connection.exec('sleep 30', { deadlineSeconds: 0.3, doing: 'probing pi-test' })).rejects.toMatchObject(
      {
        code: 'deadline',
        doing: 'probing pi-test',
        exit: 1,
        host: 'pi-test',
      },
    )
    expect(performance.now() - began).toBeLessThan(2000)
  })

  test('is given up when the caller says so, with the reason of the caller', async () => {
    const giveUp = new AbortController()
    setTimeout(() => giveUp.abort(new Error('Ctrl-C')), 100)
    const running = connection.exec('sleep 30', { deadlineSeconds: Infinity, signal: giveUp.signal })
    await expect(running).rejects.toThrow('Ctrl-C')
  })

  test('that prints without an end is given up, and the connection lives on', async () => {
    for (const command of ['exec yes aaaaaaa', "exec tr '\\0' a </dev/zero", 'exec yes bbb >&2'])
      await expect(
        connection.exec(command, { deadlineSeconds: 60, doing: 'probing pi-test', onLine: () => {} }),
      ).rejects.toMatchObject({ code: 'answer-too-long', doing: 'probing pi-test', host: 'pi-test' })
    expect((await connection.exec('echo a', { deadlineSeconds: 10 })).stdout).toBe('a\n')
  })

  test('whose lines alone are wanted may print more than is kept, but for a line that does not end', async () => {
    let heard = 0
    const lines = { deadlineSeconds: 60, onlyLines: true, onLine: (line: string) => void (heard += line.length + 1) }
    const { code, stdout } = await connection.exec('yes aaaaaaaaaaaaaaa | head -c 100000000', lines)
    expect([code, heard]).toEqual([0, 100_000_000])
    expect(stdout.length).toBeLessThan(200_000)
    const endless = connection.exec("exec tr '\\0' a </dev/zero", lines)
    await expect(endless).rejects.toMatchObject({ code: 'answer-too-long' })
  })

  test('waits for its turn when there are more than sshd takes at once (MaxSessions 10)', async () => {
    const many = Array.from({ length: 25 }, (_, index) => connection.exec(`echo ${index}`, { deadlineSeconds: 30 }))
    expect((await Promise.all(many)).map((answer) => answer.stdout.trim())).toEqual(many.map((_, index) => `${index}`))
  })
})

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 500_000) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    yield bytes.subarray(at, at + 500_000)
  }
}

describe('a connection', () => {
  test('that dies in mid-exec is never a success', async () => {
    const host = await startSshd()
    try {
      know(host)
      const dying = await connectHost(host.host, optionsFor(host))
      const running = dying.exec('echo begun; sleep 30', { deadlineSeconds: 20, onLine: () => host.killSessions() })
      await expect(running).rejects.toMatchObject({ code: 'connection-lost', exit: 3, host: 'pi-test' })
      // It says the same of what is tried afterwards, and closing it does not hang.
      await expect(dying.exec('true', { deadlineSeconds: 5 })).rejects.toMatchObject({ code: 'connection-lost' })
      await expect(dying.openChannel('127.0.0.1', host.port)).rejects.toMatchObject({ code: 'connection-lost' })
      await dying.close()
    } finally {
      await host.stop()
    }
  })

  test('that has been closed closes again, and runs nothing more', async () => {
    const closed = await connectHost(sshd.host, optionsFor(sshd))
    await closed.close()
    await closed.close()
    await expect(closed.exec('true', { deadlineSeconds: 5 })).rejects.toMatchObject({ code: 'connection-lost' })
  })

  test('carries TCP to where the host can reach, and says when it cannot', async () => {
    const channel = await connection.openChannel('127.0.0.1', sshd.port)
    const banner = await new Promise<string>((resolve) =>
      channel.once('data', (chunk: Buffer) => resolve(String(chunk))),
    )
    channel.destroy()
    expect(banner).toMatch(/^SSH-2\.0/)
    await expect(connection.openChannel('127.0.0.1', 1)).rejects.toMatchObject({ code: 'forward-refused' })
  })
})
