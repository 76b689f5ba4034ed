import {
  appendFileSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { forgetHostKeys, readKnownHosts, recordHostKey } from '../../../src/host/known-hosts-files.ts'
import { makeKey } from './local-sshd.ts'

let folder: string
let file: string
let key: Buffer

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'streamside-known-hosts-'))
  file = path.join(folder, 'new', 'known_hosts')
  key = Buffer.from(makeKey(path.join(folder, 'key')).split(' ')[1] ?? '', 'base64')
})

afterEach(() => rmSync(folder, { recursive: true }))

describe('recording a host key', () => {
  test('makes the file for the user alone', async () => {
    await recordHostKey(file, 'pi', key, false)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700)
    expect(readFileSync(file, 'utf8')).toBe(`pi ssh-ed25519 ${key.toString('base64')}\n`)
  })

  test('writes one line when many hosts meet the same key at once', async () => {
    await Promise.all(Array.from({ length: 20 }, () => recordHostKey(file, 'bastion', key, true)))
    expect(readFileSync(file, 'utf8').trim().split('\n')).toHaveLength(1)
  })

  test('hashes the name when asked to, and finds it again', async () => {
    await recordHostKey(file, '[pi]:2222', key, true)
    const [line] = await readKnownHosts([file])
    expect(line?.names).toMatch(/^\|1\|/)
    await recordHostKey(file, '[pi]:2222', key, true)
    expect(await readKnownHosts([file])).toHaveLength(1)
  })

  test('does not run into a last line without its newline', async () => {
    await recordHostKey(file, 'a', key, false)
    appendFileSync(file, `b ssh-ed25519 ${key.toString('base64')}`)
    await recordHostKey(file, 'c', key, false)
    expect((await readKnownHosts([file])).map((line) => line.names)).toEqual(['a', 'b', 'c'])
  })

  test('goes on after a file that could not be written', async () => {
    writeFileSync(path.join(folder, 'plain'), '')
    const impossible = path.join(folder, 'plain', 'known_hosts')
    await expect(recordHostKey(impossible, 'pi', key, false)).rejects.toThrow(/EEXIST|ENOTDIR/)
    await expect(recordHostKey(impossible, 'pi', key, false)).rejects.toThrow(/EEXIST|ENOTDIR/)
  })
})

test('files that are not there hold no keys, and one named twice is read once', async () => {
  await recordHostKey(file, 'pi', key, false)
  expect(await readKnownHosts([path.join(folder, 'absent'), file, file])).toHaveLength(1)
})

describe('forgetting the keys of a host', () => {
  const line = (names: string, of: Buffer) => `${names} ssh-ed25519 ${of.toString('base64')}\n`

  test('takes its lines and no others, keeps the file as it was beside it, and whose it is', async () => {
    const hashed = path.join(folder, 'hashed')
    await recordHostKey(hashed, 'pi', key, true)
    const kept = [
      '# a comment\n',
      line('pi-cellar', key),
      line('@cert-authority pi', key),
      line('@revoked pi', key),
      line('pi*', key),
    ]
    const text = [...kept, line('pi,10.0.0.1', key), line('PI', key), readFileSync(hashed, 'utf8')].join('')
    writeFileSync(hashed, text, { mode: 0o640 })
    await forgetHostKeys(hashed, 'pi')
    expect(readFileSync(hashed, 'utf8')).toBe(kept.join(''))
    expect(readFileSync(`${hashed}.old`, 'utf8')).toBe(text)
    expect(statSync(hashed).mode & 0o777).toBe(statSync(`${hashed}.old`).mode & 0o777)
  })

  test('goes through a link, and leaves a file alone that has none of them', async () => {
    const real = path.join(folder, 'real')
    const link = path.join(folder, 'link')
    writeFileSync(real, line('pi', key))
    symlinkSync(real, link)
    await forgetHostKeys(link, 'pi')
    expect([readFileSync(real, 'utf8'), lstatSync(link).isSymbolicLink()]).toEqual(['', true])
    const { mtimeMs } = statSync(real)
    await forgetHostKeys(link, 'pi')
    expect(statSync(real).mtimeMs).toBe(mtimeMs)
  })
})
