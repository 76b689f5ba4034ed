import { describe, expect, test } from 'vitest'
import type { Health } from '../../../src/status/health.ts'
import { hostStatus } from '../../../src/status/host-status.ts'
import { fileSystem, health, hostFacts, now } from './facts.ts'

const judged = (change: Partial<Health> | null) => {
  const facts = hostFacts()
  const status = hostStatus({ ...facts, seen: { ...facts.seen, health: change && health(change) } })
  return { ...status, codes: status.wrong.map(({ code }) => code), noted: status.notes.map(({ code }) => code) }
}
const never = { now: false, sinceBoot: false }
const fine = {
  source: 'vcgencmd',
  underVoltage: never,
  frequencyCapped: never,
  throttled: never,
  softTemperatureLimit: never,
} as const
const past = { now: false, sinceBoot: true }
const present = { now: true, sinceBoot: true }

test('a machine without sensors, kernel log and ext4 has nothing wrong, and says null', () => {
  const nothing = { power: null, temperature: null, ioErrors: null, ext4: null, fileSystems: null }
  expect(judged(nothing)).toMatchObject({ codes: [], noted: [], health: nothing })
})

test('a host that could not say in time is one with something wrong', () => {
  expect(judged(null).codes).toEqual(['health-unknown'])
})

describe('wrong, and exit 1, is', () => {
  const ext4 = { device: 'mmcblk0p2', path: '/', errors: 3, first: now - 9000, last: now - 60 }
  const ioErrors = { count: 2, first: now - 90, last: now - 60, lines: ['one', 'I/O error, dev mmcblk0, sector 8'] }
  test.each([
    ['under-voltage', { power: { ...fine, underVoltage: present } }, /too little voltage just now/],
    ['throttled', { power: { ...fine, throttled: present } }, /slowed down just now/],
    ['temperature', { temperature: { celsius: 80, sensor: 'cpu-thermal' } }, /at 80 °C/],
    ['io-errors', { ioErrors }, /^2 kernel messages .* the last 1 min 00 s ago: I\/O error, dev mmcblk0, sector 8$/],
    ['ext4-errors', { ext4: [ext4] }, /on \/ \(mmcblk0p2\) has counted 3 errors .* UTC$/],
    ['read-only', { fileSystems: [fileSystem({ readOnly: true })] }, /^\/ is mounted read-only, .*has it writable/],
    [
      'read-only',
      { fileSystems: [fileSystem(), fileSystem({ path: '/srv', readOnly: true, declaredReadOnly: true })] },
      /^\/srv is mounted read-only, as \/etc\/fstab has it/,
    ],
  ] as [string, Partial<Health>, RegExp][])('%s', (code, change, text) => {
    const { wrong, noted } = judged(change)
    expect(wrong).toMatchObject([
      { code, exit: 1, text: expect.stringMatching(text), next: expect.stringMatching(/\S/) },
    ])
    expect(noted).toEqual([])
  })
})

describe('what was and is no more is a note', () => {
  test.each([
    ['under-voltage', { power: { ...fine, underVoltage: past } }],
    ['throttled', { power: { ...fine, throttled: past } }],
  ] as [string, Partial<Health>][])('%s', (code, change) => {
    expect(judged(change)).toMatchObject({ codes: [], noted: [code] })
  })
  test('as is heat below the limit', () => {
    expect(judged({ temperature: { celsius: 79.9, sensor: 'cpu-thermal' } })).toMatchObject({ codes: [], noted: [] })
  })
})

test('slowing down for want of voltage is told once', () => {
  expect(judged({ power: { ...fine, underVoltage: present, throttled: present } }).codes).toEqual(['under-voltage'])
})

describe('a disk of one app', () => {
  const disk = (sizeKib: number, availableKib: number) =>
    judged({ fileSystems: [fileSystem(), fileSystem({ path: '/srv', sizeKib, availableKib })] })
  test('is in the list with its inodes, and may be small', () => {
    expect(disk(65_536, 60_000)).toMatchObject({
      codes: [],
      disks: [{ path: '/' }, { path: '/srv', type: 'ext4', inodes: 1_000_000 }],
    })
  })
  test('is told of when it is nearly full', () => {
    expect(disk(65_536, 6000).codes).toEqual(['disk-low'])
    expect(disk(9e9, 100_000).codes).toEqual(['disk-low'])
  })
})
