/** The part of a terminal that a live text is drawn on: tty.WriteStream has it all. */
export interface Screen {
  columns?: number
  rows?: number
  write(text: string): unknown
}

/** A text at the bottom of the terminal that is drawn over itself. */
export interface LiveText {
  /** Shows these lines in place of the last ones. */
  show(lines: string[]): void
  /** Takes the lines away, so that something else can be written; `show` brings them back below it. */
  clear(): void
}

const escape = '\u001b['

/**
 * One write a frame: the cursor goes up to the first line, each line is written and only what is left of the old one
 * erased. Erasing the whole first is what flickers.
 */
export function liveText(screen: Screen): LiveText {
  let shown: string[] = []
  return {
    show(lines) {
      if (lines.length === shown.length && lines.every((line, index) => line === shown[index])) return
      const up = shown.length > 0 ? `${escape}${shown.length}A\r` : ''
      screen.write(`${up}${lines.map((line) => `${line}${escape}K\n`).join('')}${escape}J`)
      shown = lines
    },
    clear() {
      if (shown.length === 0) return
      screen.write(`${escape}${shown.length}A\r${escape}J`)
      shown = []
    },
  }
}
