import { describe, expect, test } from 'vitest'
import { type FetchFailed, fetchFailure, fetchReader } from '../../../src/rollout/fetch-lines.ts'

const content = Buffer.from([...Array(3000).keys()].map((each) => each % 256))
const sha256 = 'a'.repeat(64)

function read(lines: string[], clock: () => number = () => 0) {
  const heard: string[] = []
  const written: Buffer[] = []
  const reader = fetchReader(
    {
      restoring: (name) => void heard.push(`restoring ${name}`),
      write: (_, data) => void written.push(data),
      copied: (name, text) => void heard.push(`${name}: ${text}`),
      fetched: ({ name, txid, bytes }) => void heard.push(`${name} ${txid} ${bytes}`),
    },
    clock,
  )
  for (const line of lines) reader.take(line)
  reader.end()
  return { heard, written: Buffer.concat(written), failed: reader.failed }
}

const pieces = (size: number) =>
  Array.from({ length: Math.ceil(content.length / size) }, (_, each) =>
    content.subarray(each * size, (each + 1) * size).toString('base64'),
  )
const restored = `restored\tmain\t000000000000001f\t${content.length}\t${sha256}`

describe('what a host prints of a database', () => {
  test('is the file, byte for byte, whatever empty lines came before', () => {
    const { heard, written } = read(['restoring\tmain', '', '', restored, ...pieces(600)])
    expect(written.equals(content)).toBe(true)
    expect(heard).toEqual(['restoring main', `main 000000000000001f ${content.length}`])
  })

  test('is no file when a piece is missing', () => {
    const { heard } = read([restored, ...pieces(600).slice(0, -1)])
    expect(heard).toEqual([])
  })

  test('is told of in tenths, once a second, with its rate and the time left', () => {
    let now = 0
    const { heard } = read([restored, ...pieces(300)], () => (now += 600))
    const told = heard.filter((line) => line.includes(' of '))
    expect(told.at(0)).toMatch(/^main: \d+ B of 2\.9 KB, \d+ B\/s, [\d.]+ s left$/)
    expect(told.length).toBeLessThan(9)
  })

  test.for<[string, FetchFailed, string]>([
    [
      `failed\tmain\t${Buffer.from('decode page').toString('base64')}\t000000000000001e`,
      { kind: 'failed', name: 'main', words: 'decode page', best: '000000000000001e' },
      '--txid main=1e',
    ],
    [
      `failed\tmain\t${Buffer.from('no backup').toString('base64')}\t-`,
      { kind: 'failed', name: 'main', words: 'no backup', best: null },
      '--at TIME',
    ],
    ['no-room\tmain\t2000\t1000', { kind: 'no-room', name: 'main', wanted: 2000, free: 1000 }, 'make room'],
  ])('is why there is none: %s', ([line, expected, next]) => {
    const { failed } = read(['restoring\tmain', line])
    expect(failed).toEqual(expected)
    const about = { doing: 'fetching notes', host: 'pi-attic', app: 'notes' }
    expect(fetchFailure(about, failed, { code: 0, stdout: '', stderr: '' }).next).toContain(next)
  })
})
