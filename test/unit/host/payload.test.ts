import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { payload } from '../../../src/host/payload.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'streamside-payload-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

async function bytes(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** What GNU tar sees in it: mode, owner, size, name. */
function listed(tar: Buffer): string[] {
  const answer = spawnSync('tar', ['-tv', '--numeric-owner', '--quoting-style=literal'], {
    input: tar,
    encoding: 'utf8',
  })
  return answer.stdout
    .trim()
    .split('\n')
    .map((line) => line.replace(/ +/g, ' ').replace(/ \d{4}-\d\d-\d\d \d\d:\d\d /, ' '))
}

describe('a payload', () => {
  test('is a tar that GNU tar reads: texts, bytes, big files, long and odd names, all of root', async () => {
    const big = path.join(folder, 'big')
    writeFileSync(big, Buffer.alloc(300_000, 1))
    writeFileSync(path.join(folder, 'empty'), '')
    const long = `${'d'.repeat(90)}/${'f'.repeat(90)}`
    const tar = await bytes(
      payload(
        [
          { name: 'probe.sh', content: 'true\n' },
          { name: 'bin', content: Buffer.from([0, 255]), mode: 0o755 },
          { name: `ä "$x" 'y'`, content: '' },
          { name: long, content: 'x' },
        ],
        [
          { name: 'litestream', path: big, mode: 0o755 },
          { name: 'empty', path: path.join(folder, 'empty') },
        ],
      ),
    )
    expect(listed(tar)).toEqual([
      '-rw------- 0/0 5 probe.sh',
      '-rwxr-xr-x 0/0 2 bin',
      `-rw------- 0/0 0 ä "$x" 'y'`,
      `-rw------- 0/0 1 ${long}`,
      '-rwxr-xr-x 0/0 300000 litestream',
      '-rw------- 0/0 0 empty',
      '-rw------- 0/0 0 .complete',
    ])
  })

  test('depends on its files alone, not on when it is made', async () => {
    const make = () => bytes(payload([{ name: 'a', content: 'b' }], []))
    const first = await make()
    await new Promise((resolve) => setTimeout(resolve, 1100))
    expect((await make()).equals(first)).toBe(true)
  })

  test.each(['', '/etc/passwd', '../up', 'a/../../b', 'a//b', './a', 'a/', 'a\0b', '.complete'])(
    'refuses the name %j',
    async (name) => {
      await expect(bytes(payload([{ name, content: '' }], []))).rejects.toThrow(RangeError)
    },
  )

  test('fails when a big file shrinks while it is sent, and sends what it promised when one grows', async () => {
    const file = path.join(folder, 'changing')
    const shrinking = async () => {
      writeFileSync(file, Buffer.alloc(5_000_000))
      for await (const _ of payload([], [{ name: 'f', path: file }])) truncateSync(file, 10)
    }
    await expect(shrinking()).rejects.toMatchObject({ code: 'file-changed' })
    writeFileSync(file, Buffer.alloc(5_000_000))
    const chunks: Uint8Array[] = []
    for await (const chunk of payload([], [{ name: 'f', path: file }])) {
      if (chunks.length === 0) appendFileSync(file, 'more')
      chunks.push(chunk)
    }
    expect(listed(Buffer.concat(chunks))).toEqual(['-rw------- 0/0 5000000 f', '-rw------- 0/0 0 .complete'])
  })

  test('fails with the name of a big file that is not there', async () => {
    const file = path.join(folder, 'absent')
    await expect(bytes(payload([], [{ name: 'f', path: file }]))).rejects.toMatchObject({
      code: 'file-unreadable',
      doing: `sending ${file}`,
    })
  })
})
