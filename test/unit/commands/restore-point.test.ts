import { InvalidArgumentError } from 'commander'
import { describe, expect, test } from 'vitest'
import { timeOf, txidOf } from '../../../src/commands/restore-point.ts'

const now = Date.parse('2026-11-22T12:00:00Z')

describe('--at', () => {
  test.each([
    ['90s', '2026-11-22T11:58:30.000Z'],
    ['30m', '2026-11-22T11:30:00.000Z'],
    ['2h', '2026-11-22T10:00:00.000Z'],
    ['1d', '2026-11-21T12:00:00.000Z'],
    ['2026-11-21T14:05:00Z', '2026-11-21T14:05:00.000Z'],
    ['2026-11-21 14:05:30.250+01:00', '2026-11-21T13:05:30.250Z'],
  ])('%s is %s', (text, time) => {
    expect(new Date(timeOf(text, now)).toISOString()).toBe(time)
  })

  test('without a zone is of this machine', () => {
    expect(timeOf('2026-11-21 14:05', now)).toBe(new Date(2026, 10, 21, 14, 5).getTime())
    expect(timeOf('2026-11-21', now)).toBe(new Date(2026, 10, 21).getTime())
  })

  test.each([
    '',
    'yesterday',
    '2h ago',
    '-2h',
    '2026-13-01',
    '2026-11-31',
    '2026-11-21 25:00',
    '14:05',
    '1.5h',
    '2026-11-21T14:05:00Z; rm',
  ])('%j is no time', (text) => {
    expect(() => timeOf(text, now)).toThrow(InvalidArgumentError)
  })

  test('to come is refused', () => {
    expect(() => timeOf('2026-11-22T12:00:01Z', now)).toThrow('2026-11-22T12:00:01.000Z is still to come')
  })
})

describe('--txid', () => {
  test('is written as litestream prints it, with the database where there are several', () => {
    expect(txidOf('1F')).toEqual({ txid: '000000000000001f', database: null })
    expect(txidOf('000000000000001f')).toEqual({ txid: '000000000000001f', database: null })
    expect(txidOf('main=2')).toEqual({ txid: '0000000000000002', database: 'main' })
  })

  test.each(['', 'x', '=1', 'main=', 'a/b=1', '00000000000000001'])('%j is none', (text) => {
    expect(() => txidOf(text)).toThrow(InvalidArgumentError)
  })
})
