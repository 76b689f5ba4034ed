import { describe, expect, test } from 'vitest'
import { advance, frame, type TableState } from '../../../src/report/live-table.ts'
import { textWidth } from '../../../src/report/text-width.ts'

function tableOf(): TableState {
  const state: TableState = new Map()
  advance(state, { type: 'run-started', command: 'provision', hosts: ['pi-attic', 'pi', 'pi-東京'] }, 0)
  advance(state, { type: 'host-step', host: 'pi-attic', step: 'probe' }, 1000)
  advance(state, { type: 'host-step', host: 'pi', step: 'upload', detail: 'litestream\u001b[2J 0.5.17' }, 2000)
  advance(state, { type: 'host-done', host: 'pi', outcome: 'changed', changes: 3, execs: 2, seconds: 1.25 }, 3300)
  advance(state, { type: 'host-step', host: 'pi-東京', step: 'packages', detail: 'jq, sqlite3' }, 3000)
  return state
}

describe('the live table', () => {
  test('has one line a host, in the order of the inventory, with step and elapsed time', () => {
    expect(frame(tableOf(), 80, false, 5500)).toEqual([
      'pi-attic  probe            4 s',
      'pi        changed        1.3 s',
      'pi-東京   packages         2 s  jq, sqlite3',
    ])
  })

  test('never exceeds the width of the terminal, which would break its lines', () => {
    for (let columns = 1; columns < 50; columns += 1)
      for (const line of frame(tableOf(), columns, false, 5500)) expect(textWidth(line)).toBeLessThanOrEqual(columns)
  })

  test('does not let a detail steer the terminal', () => {
    const state = tableOf()
    advance(state, { type: 'host-step', host: 'pi', step: 'x', detail: '\u001b[2J\nsecond' }, 0)
    expect(frame(state, 80, false, 0)[1]).toContain('␛[2J second')
  })

  test('leaves out what it knows nothing of', () => {
    const state = tableOf()
    advance(state, { type: 'note', message: 'downloading' }, 0)
    expect(state.size).toBe(3)
  })
})
