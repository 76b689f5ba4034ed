import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { liveText } from '../../../src/report/live-screen.ts'

/** As much of a terminal as the live text uses: lines, cursor up, carriage return, erase to the end of line and screen. */
function terminal() {
  const lines: string[][] = [[]]
  let row = 0
  let column = 0
  return {
    text: () =>
      lines
        .map((line) => line.join('').trimEnd())
        .join('\n')
        .trimEnd(),
    write(text: string) {
      // oxlint-disable-next-line no-control-regex -- escape sequences are what it reads
      for (const [, sequence, count, command, char] of text.matchAll(/(\u001b\[(\d*)([A-Z]))|([\s\S])/g)) {
        if (sequence !== undefined) {
          if (command === 'A') row -= Number(count || 1)
          else if (command === 'K') lines[row]?.splice(column)
          else if (command === 'J') {
            lines[row]?.splice(column)
            lines.splice(row + 1)
          } else throw new Error(`unknown sequence ${command}`)
          if (row < 0) throw new Error('the cursor left the screen')
        } else if (char === '\n') {
          row += 1
          column = 0
          lines[row] ??= []
        } else if (char === '\r') column = 0
        else {
          const line = (lines[row] ??= [])
          line[column] = char ?? ''
          column += 1
        }
      }
    },
  }
}

describe('a live text', () => {
  const lines = fc.array(fc.stringMatching(/^[a-z ]{0,10}[a-z]$/), { maxLength: 4 })
  const step = fc.oneof(
    lines.map((shown) => ({ kind: 'show' as const, shown })),
    fc.stringMatching(/^[A-Z]{1,8}$/).map((said) => ({ kind: 'say' as const, said })),
  )

  test('shows its last lines below everything that was said meanwhile, whatever the order', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const screen = terminal()
        const live = liveText(screen)
        const said: string[] = []
        let shown: string[] = []
        for (const one of steps) {
          if (one.kind === 'show') {
            live.show(one.shown)
            shown = one.shown
          } else {
            live.clear()
            screen.write(`${one.said}\n`)
            said.push(one.said)
            live.show(shown)
          }
        }
        expect(screen.text()).toBe([...said, ...shown].join('\n'))
        live.clear()
        expect(screen.text()).toBe(said.join('\n'))
      }),
    )
  })

  test('writes nothing when nothing has changed, and one piece when something has', () => {
    const writes: string[] = []
    const live = liveText({ write: (text) => writes.push(text) })
    live.show(['a', 'b'])
    live.show(['a', 'b'])
    live.show(['a', 'c'])
    expect(writes).toHaveLength(2)
    // Not erased as a whole first: that is what flickers.
    expect(writes[1]?.indexOf('\u001b[J')).toBeGreaterThan(writes[1]?.indexOf('c') ?? Infinity)
  })
})
