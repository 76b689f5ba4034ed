import { pad, textWidth, truncate } from './text-width.ts'

/** A field of a table, and how it is shown. */
export interface Cell {
  text: string
  style?: 'red' | 'yellow' | 'green' | 'dim' | 'bold'
}

/** No column is cut below this. */
const least = 4

/**
 * Rows as columns that together fit into `columns`: two blanks between them, one where two do not fit, and then the widest column
 * is cut, again and again. Each cell comes back padded, its blanks included.
 */
export function table(rows: Cell[][], columns: number): Cell[][] {
  const count = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: count }, (_, n) =>
    Math.max(0, ...rows.map((row) => textWidth(row[n]?.text ?? ''))),
  )
  const total = (gap: number) => widths.reduce((sum, width) => sum + width, 0) + gap * (count - 1)
  const gap = total(2) <= columns ? 2 : 1
  while (total(gap) > columns) {
    const widest = widths.indexOf(Math.max(...widths))
    if ((widths[widest] ?? 0) <= least) break
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return rows.map((row) =>
    row.map((cell, n) => {
      const width = widths[n] ?? 0
      return { ...cell, text: pad(truncate(cell.text, width), width + (n < count - 1 ? gap : 0)) }
    }),
  )
}
