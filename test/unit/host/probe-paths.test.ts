import { describe, expect, test } from 'vitest'
import { ownPaths } from '../../../src/host/probe-paths.ts'
import type { ProbeRequest } from '../../../src/host/probe.ts'

const asked = (path: string, as: string) => ({ path, sha256: null, show: false, as })
const request: ProbeRequest = {
  paths: [asked('/etc/unit', 'root'), asked('/var/lib/a/x', 'a'), asked('/var/lib/b/y', 'b')],
  trees: [],
  databases: [],
  services: [],
  packages: [],
  users: [],
  units: [],
  apps: [],
  ports: [],
  replicas: [],
  journald: false,
  snippets: [],
  verify: false,
}
const file = ['stat', '640', 'a', 'a', '3', 'regular file', 'f'.repeat(64), Buffer.from('abc').toString('base64')]
const whole = [
  ['a', '1', ...file],
  ['b', '2', 'none'],
]

describe('what is said of paths below an app’s own folders', () => {
  test('is a file with its digest and content, or nothing', () => {
    expect(ownPaths(whole, request, 'pi')).toEqual(
      new Map([
        [
          '/var/lib/a/x',
          {
            type: 'file',
            mode: '0640',
            owner: 'a',
            group: 'a',
            size: 3,
            sha256: 'f'.repeat(64),
            content: Buffer.from('abc'),
          },
        ],
      ]),
    )
  })

  test.each([
    ['of root’s paths', [...whole, ['a', '0', ...file]]],
    [
      'of another app’s',
      [
        ['a', '1', ...file],
        ['a', '2', ...file],
        ['b', '2', 'none'],
      ],
    ],
    ['of one path twice', [...whole, ['a', '1', 'none']]],
    ['of a path that nobody asked for', [...whole, ['a', '7', ...file]]],
    ['of no number', [...whole, ['a', '', ...file]]],
  ])('is believed of its own user only: %s', (_, records) => {
    expect(() => ownPaths(records, request, 'pi')).toThrow(expect.objectContaining({ code: 'app-folder-unread' }))
  })

  test('is an error when it is missing, for silence is not “nothing there”', () => {
    expect(() => ownPaths(whole.slice(0, 1), request, 'pi')).toThrow(
      expect.objectContaining({ code: 'app-folder-unread', app: 'b', found: expect.stringContaining('40 s') }),
    )
  })
})
