import { describe, expect, test } from 'vitest'
import { parseHistory, releaseBefore } from '../../../src/rollout/history.ts'

const digest = (letter: string) => letter.repeat(64)
const who = Buffer.from('ann@laptop (streamside update, pid 7)\n').toString('base64')
const rolled = (epoch: number, outcome: string, from: string, to: string, down = '2100') =>
  ['rolled', 'web', epoch, who, outcome, digest(from), digest(to), down, 'restore'].join('\t')
const release = (letter: string, at: number) => ['release', 'web', digest(letter), at].join('\t')
const current = (letter: string) => `current\tweb\t${digest(letter)}`

test('a host’s history is read line by line; what was not written whole is left out', () => {
  const { past, releases } = parseHistory(
    [
      rolled(1_795_394_307, 'rolled', 'a', 'b'),
      'rolled\tweb\t17953',
      rolled(1_795_394_400, 'put-back', 'b', 'c', '-'),
      release('b', 5),
      'release\tweb\tb.damaged-1\t6',
      current('b'),
      '',
    ].join('\n'),
  )
  expect(past).toEqual([
    {
      app: 'web',
      at: '2026-11-23T00:38:27.000Z',
      who: 'ann@laptop (streamside update, pid 7)',
      outcome: 'rolled',
      from: digest('a'),
      to: digest('b'),
      downSeconds: 2.1,
      mode: 'restore',
    },
    expect.objectContaining({ outcome: 'put-back', downSeconds: null }),
  ])
  expect(releases.get('web')).toEqual({ current: digest('b'), releases: [{ digest: digest('b'), laidAt: 5 }] })
})

describe('a rollback goes to', () => {
  const to = (...lines: string[]) => releaseBefore('web', parseHistory(lines.join('\n')))?.[0] ?? null

  test('what ran before the update that brought what runs', () => {
    expect(
      to(
        rolled(1, 'rolled', 'a', 'b'),
        rolled(2, 'rolled', 'b', 'b'),
        rolled(3, 'put-back', 'b', 'c'),
        release('a', 1),
        release('b', 2),
        release('c', 3),
        current('b'),
      ),
    ).toBe('a')
  })

  test('and back again, the next time', () => {
    expect(
      to(rolled(1, 'rolled', 'a', 'b'), rolled(2, 'rolled', 'b', 'a'), release('a', 1), release('b', 2), current('a')),
    ).toBe('b')
  })

  test('the newest that came before it, where provision has brought what runs, and never one that was put back', () => {
    expect(
      to(
        rolled(1, 'put-back', 'a', 'b'),
        release('a', 1),
        release('b', 2),
        release('c', 3),
        release('d', 4),
        current('c'),
      ),
    ).toBe('a')
  })

  test('none, where there is no other, or it was pruned', () => {
    expect(to(release('a', 1), current('a'))).toBe(null)
    expect(to(rolled(1, 'rolled', 'a', 'b'), release('b', 2), current('b'))).toBe(null)
    expect(to()).toBe(null)
  })
})
