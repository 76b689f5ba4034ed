import { describe, expect, test } from 'vitest'
import { endsOf, isWhole, type LtxFile, ltxFile, pointAfter, pointBefore } from '../../../src/replica/points.ts'

const hex = (n: number) => n.toString(16).padStart(16, '0')
/** `LEVEL:MIN-MAX@SECONDS` */
const files = (text: string): LtxFile[] =>
  text.split(/\s+/).map((each) => {
    const [, level, min, max, at] = /^(\d):(\d+)-(\d+)@(\d+)$/.exec(each) ?? []
    return { level: Number(level), min: hex(Number(min)), max: hex(Number(max)), at: Number(at) * 1000 }
  })
const before = (text: string, seconds: number, upTo?: number) =>
  short(pointBefore(files(text), seconds * 1000, upTo === undefined ? null : hex(upTo)))
const after = (text: string, txid: number) => short(pointAfter(files(text), hex(txid)))
const short = (point: { txid: string; at: number } | null) =>
  point && `${Number.parseInt(point.txid, 16)}@${point.at / 1000}`

test('a key of Litestream says level and transactions; what else lies there says nothing', () => {
  const path = 'home/notes/e0001-1a2b3c4d/main'
  const range = '0000000000000005-000000000000000a.ltx'
  const file = { level: 1, min: hex(5), max: hex(10), at: 7 }
  expect(ltxFile({ key: `${path}/0001/${range}`, at: 7 })).toEqual(file)
  expect(ltxFile({ key: `${path}/ltx/1/${range}`, at: 7 })).toEqual(file)
  for (const other of ['home/notes/e0001-1a2b3c4d/tip.json', `${path}/0001/${range}.tmp`, 'main/1/5-10.ltx'])
    expect(ltxFile({ key: other, at: 7 })).toBeNull()
})

describe('a point', () => {
  const young = '9:1-1@10 0:2-2@11 0:3-3@12 0:4-4@20'
  test('is the last one that was written by then', () => {
    expect(before(young, 19)).toBe('3@12')
    expect(before(young, 12)).toBe('3@12')
    expect(before(young, 1000)).toBe('4@20')
    expect(before(young, 9)).toBeNull()
  })

  test('that was merged away is none any more: the one before it is', () => {
    const merged = '9:1-1@10 1:2-9@60 1:10-19@90 0:20-20@95'
    expect(before(merged, 89)).toBe('9@60')
    expect(before(merged, 59)).toBe('1@10')
    expect(before(merged, 95)).toBe('20@95')
  })

  test('is as old as the first file that ends there, though it has been merged since', () => {
    expect(before('9:1-1@10 0:2-2@11 0:3-3@12 1:2-3@60', 30)).toBe('3@12')
  })

  test('beyond the end of a path is none: somebody has written there after it was left', () => {
    expect(before(young, 1000, 3)).toBe('3@12')
  })

  test('beyond a gap is none', () => {
    expect(before('9:1-1@10 0:2-2@11 0:4-4@20', 1000)).toBe('2@11')
    expect(before('0:2-2@11 0:3-3@12', 1000)).toBeNull()
    expect(before('9:1-1@10 1:2-9@60 0:11-11@95', 1000)).toBe('9@60')
  })

  test('after a gap begins with the next image', () => {
    const twice = '9:1-1@10 0:3-3@20 9:1-5@30 0:6-6@31'
    expect(before(twice, 29)).toBe('1@10')
    expect(before(twice, 30)).toBe('5@30')
    expect(before(twice, 31)).toBe('6@31')
    expect(after(twice, 1)).toBe('5@30')
    expect(after(twice, 6)).toBeNull()
  })

  test('needs no image where all files from the first on are there', () => {
    expect(before('0:1-1@10 0:2-2@11', 11)).toBe('2@11')
    expect(before('1:1-4@10 0:5-5@11', 11)).toBe('5@11')
  })
})

test('a chain is put together downwards: what has been merged may overlap', () => {
  const all = files('9:1-4@10 2:3-9@40 1:8-12@50 0:12-12@50 0:13-13@51')
  expect([4, 9, 12, 13].map((txid) => isWhole(all, hex(txid)))).toEqual([true, true, true, true])
  expect(isWhole(all, hex(10))).toBe(false)
  expect(endsOf(all).map(({ txid }) => Number.parseInt(txid, 16))).toEqual([4, 9, 12, 13])
})
