import { describe, expect, test } from 'vitest'
import type { Observed } from '../../../src/host/observed.ts'
import { type Ground, groundWarnings, obstacles } from '../../../src/plan/obstacles.ts'
import type { HostPlan, Step } from '../../../src/plan/change.ts'
import { app } from '../inventory/made.ts'
import { letGo } from '../../../src/plan/leaving.ts'
import { readManifest } from '../../../src/plan/manifest.ts'
import { bare, hostState } from './hosts.ts'

const day = 86_400
const now = Date.UTC(2026, 10, 21) / 1000
const file: Step = { verb: 'file', fields: ['/etc/x'], member: { content: 'x' } }
const disk = { target: '/', sizeKib: 1e6, availableKib: 1e6, inodes: 1e5, availableInodes: 1e4 }

function ground(change: Partial<Observed> = {}, more: Partial<Ground> & { steps?: Step[] } = {}): Ground {
  const { steps = [file], ...rest } = more
  const plan = {
    host: 'pi',
    changes: steps.map((step) => ({ summary: { kind: 'file', name: '/etc/x', action: 'create', reason: '' }, step })),
    started: ['web'],
    leaving: [],
    refused: [],
    warnings: [],
  } as unknown as HostPlan
  const web = { ...app('web'), port: 8080 }
  const observed = { ...bare(), disks: [disk, disk, disk], clock: { epochSeconds: now, synchronized: true }, ...change }
  return { state: hostState([web], []), plan, observed, clockOffset: 0, sizes: new Map(), ...rest }
}

const codes = (each: Ground) => [obstacles(each).map(({ code }) => code), groundWarnings(each).map(({ code }) => code)]

test('a host on which all is well has nothing in the way', () => {
  expect(codes(ground())).toEqual([[], []])
})

describe('room', () => {
  const release: Step = { verb: 'release', fields: ['/opt/web/releases/d'], member: { path: '/t' } }
  const sent = { steps: [release], sizes: new Map([['/t', 100 * 2 ** 20]]) }

  test('is counted twice on one file system: what is sent lies there until it is in its place', () => {
    const free = (availableKib: number) => codes(ground({ disks: [{ ...disk, availableKib }] }, sent))[0]
    expect(free(216 * 1024)).toEqual(['disk-full'])
    expect(free(218 * 1024)).toEqual([])
  })

  test('is asked of the file system that a path lies on', () => {
    const disks = [disk, { ...disk, target: '/opt', availableKib: 110 * 1024 }]
    expect(obstacles(ground({ disks }, sent))).toMatchObject([
      { code: 'disk-full', found: expect.stringContaining('/opt') },
    ])
    expect(codes(ground({ disks: [disk, { ...disk, target: '/optical', availableKib: 1 }] }, sent))[0]).toEqual([])
  })

  test('is of inodes as well, but where a file system makes them as it goes', () => {
    expect(codes(ground({ disks: [{ ...disk, availableInodes: 9 }] }))[0]).toEqual(['inodes-full'])
    expect(codes(ground({ disks: [{ ...disk, inodes: 0, availableInodes: 0 }] }))[0]).toEqual([])
  })
})

test('the inodes of links, folders and what a release is unpacked into are counted where they lie', () => {
  const steps: Step[] = [
    { verb: 'directory', fields: ['/opt/web'] },
    { verb: 'release', fields: ['/opt/web/releases/d'], member: { path: '/t' } },
    { verb: 'link', fields: ['/opt/web/current', '/opt/web/releases/d'] },
  ]
  const sent = { steps, sizes: new Map([['/t', 1]]) }
  const left = (availableInodes: number) =>
    codes(ground({ disks: [disk, { ...disk, target: '/opt', availableInodes }] }, sent))[0]
  expect(left(3)).toEqual(['inodes-full'])
  expect(left(20)).toEqual([])
})

describe('what is read-only', () => {
  test('is in the way of changes, once and before the room on it', () => {
    const disks = [
      { ...disk, availableKib: 0 },
      { ...disk, availableKib: 0 },
    ]
    expect(codes(ground({ disks, readOnly: ['/', '/snap/core'] }))).toEqual([['read-only'], []])
  })

  test('is a warning when there is nothing to do', () => {
    expect(codes(ground({ readOnly: ['/'] }, { steps: [] }))).toEqual([[], ['read-only']])
  })
})

describe('a clock', () => {
  test.each([
    [-200, true, [], []],
    [-400, false, [], ['clock']],
    [2 * day, false, ['clock'], []],
    [-2 * day, false, ['clock'], []],
    // then this machine's is the wrong one
    [-2 * day, true, [], ['clock']],
    // no time server says that
    [-20_000 * day, true, ['clock'], []],
  ])('that is %i s ahead, synchronised: %s', (clockOffset, synchronized, refused, told) => {
    const clock = { epochSeconds: now + clockOffset, synchronized }
    expect(codes(ground({ clock }, { clockOffset }))).toEqual([refused, told])
  })
})

test('a clock that is far off is a warning when there is nothing to do', () => {
  const clock = { epochSeconds: 10, synchronized: false }
  expect(codes(ground({ clock }, { clockOffset: 10 - now, steps: [] }))).toEqual([[], ['clock']])
})

describe('a port', () => {
  const listener = { port: 8080, pid: 812, command: 'python3', unit: 'backup.service' }

  test('that a foreign process has is in the way of an app that is to be started', () => {
    expect(obstacles(ground({ listeners: [listener] }))).toMatchObject([
      {
        code: 'port-taken',
        app: 'web',
        found: 'port 8080 is taken by process 812 (python3 of backup.service)',
        next: expect.stringContaining('systemctl disable --now backup.service'),
      },
    ])
    expect(obstacles(ground({ listeners: [{ ...listener, unit: '' }] }))[0]?.next).toContain('kill 812')
    expect(obstacles(ground({ listeners: [{ ...listener, pid: null }] }))[0]?.next).toContain('ss -ltnp')
  })

  test('is in nobody’s way when the app is left as it is, or one of ours has it and gives it up', () => {
    const left = ground({ listeners: [listener] })
    expect(obstacles({ ...left, plan: { ...left.plan, started: [] } })).toEqual([])
    const leaves = ground({ listeners: [{ ...listener, unit: 'old.service' }] })
    const changes = [...leaves.plan.changes, letGo('old', readManifest(null))]
    expect(obstacles({ ...leaves, plan: { ...leaves.plan, leaving: ['old'], changes } })).toEqual([])
  })

  test('that an app which has left still has is in the way: it may be the same app under another name', () => {
    const leaves = ground({ listeners: [{ ...listener, unit: 'old.service' }] })
    expect(obstacles({ ...leaves, plan: { ...leaves.plan, leaving: ['old'] } })).toMatchObject([
      {
        code: 'port-taken',
        found: expect.stringContaining('left the inventory'),
        next: expect.stringContaining('was: old'),
      },
    ])
  })
})
