import { isUtf8 } from 'node:buffer'
import { open } from 'node:fs/promises'
import { basename, relative } from 'node:path'

/** An inventory file that was read: its text, and where its lines begin. */
export interface Source {
  /** Absolute path. */
  path: string
  /** As it is called in messages. */
  name: string
  text: string
  /** False for files of secrets, whose lines are never shown. */
  showsLines: boolean
  /** The line that holds an offset (from 0): number and column from 1, the line's text, the offset it begins at. */
  lineAt(offset: number): { line: number; column: number; text: string; offset: number }
  /** The offset of a position: line and column from 1. */
  offsetOf(line: number, column: number): number
}

/** A part of a source file, as offsets into its text. */
export interface Place {
  source: Source
  start: number
  end: number
}

/** What is wrong with a file's bytes, with the offset into the text as far as it could be read. */
export interface UnreadableText {
  offset: number
  message: string
  hint?: string
}

/** Largest inventory file that is read, in bytes: fifty hosts with an app each make about 50 KB. */
export const largestFile = 1024 * 1024

/** The file's path as a person in `cwd` would write it. */
export function displayName(path: string, cwd: string): string {
  const short = relative(cwd, path)
  return short === '' ? basename(path) : short.startsWith('..') ? path : short
}

/** A source over a text. Name and path are for messages. */
export function newSource(path: string, name: string, text: string, showsLines = true): Source {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return {
    path,
    name,
    text,
    showsLines,
    offsetOf: (line, column) => Math.min((starts[line - 1] ?? text.length) + column - 1, text.length),
    lineAt(offset) {
      const at = Math.max(0, Math.min(offset, text.length))
      let low = 0
      let high = starts.length - 1
      while (low < high) {
        const middle = (low + high + 1) >> 1
        if ((starts[middle] ?? 0) <= at) low = middle
        else high = middle - 1
      }
      const start = starts[low] ?? 0
      const end = (starts[low + 1] ?? text.length + 1) - 1
      return { line: low + 1, column: at - start + 1, text: text.slice(start, end).replace(/\r$/, ''), offset: start }
    },
  }
}

/**
 * Reads at most one byte more than `largestFile`, so that a device or an endless pipe cannot fill the memory.
 * Throws what node:fs throws.
 */
export async function readBytes(path: string): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    const chunks: Buffer[] = []
    let length = 0
    while (length <= largestFile) {
      const chunk = Buffer.allocUnsafe(Math.min(64 * 1024, largestFile + 1 - length))
      const { bytesRead } = await file.read(chunk, 0, chunk.length, null)
      if (bytesRead === 0) break
      chunks.push(chunk.subarray(0, bytesRead))
      length += bytesRead
    }
    return Buffer.concat(chunks)
  } finally {
    await file.close()
  }
}

/** The bytes as text (a byte order mark dropped), and what makes them no inventory, if anything does. */
export function decode(bytes: Buffer): { text: string; wrong: UnreadableText | null } {
  if (bytes.length > largestFile)
    return {
      text: '',
      wrong: { offset: 0, message: 'larger than 1 MiB', hint: 'an inventory is small; is this the right file?' },
    }
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
    return { text: '', wrong: { offset: 0, message: 'UTF-16 text', hint: 'save the file as UTF-8' } }
  const text = new TextDecoder('utf-8').decode(bytes)
  const control = text.search(forbidden)
  if (control !== -1) {
    const code = text.charCodeAt(control).toString(16).padStart(4, '0').toUpperCase()
    const binary = bytes.subarray(0, 8192).includes(0)
    return {
      text,
      wrong: binary
        ? { offset: control, message: 'not a text file: it holds a NUL byte' }
        : {
            offset: control,
            message: `the control character U+${code} has no place in YAML`,
            hint: 'delete it, or write it as an escape within double quotes',
          },
    }
  }
  if (!isUtf8(bytes)) return { text, wrong: { ...firstBadByte(bytes), hint: 'save the file as UTF-8' } }
  return { text, wrong: null }
}

// YAML 1.2, 5.1 "Character Set": C0 and C1 controls but tab and line breaks are not printable and may not stand there.
// oxlint-disable-next-line no-control-regex
const forbidden = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/

function firstBadByte(bytes: Buffer): { offset: number; message: string } {
  const decoder = new TextDecoder('utf-8')
  let low = 0
  // A line break is never part of a longer UTF-8 sequence, so a bad sequence is bad within its own line.
  while (low < bytes.length) {
    const next = bytes.indexOf(0x0a, low)
    const end = next === -1 ? bytes.length : next + 1
    const line = bytes.subarray(low, end)
    if (!isUtf8(line)) {
      const before = decoder.decode(bytes.subarray(0, low)).length
      const column = Math.max(0, decoder.decode(line).indexOf('\ufffd'))
      return { offset: before + column, message: 'not UTF-8 text' }
    }
    low = end
  }
  return { offset: 0, message: 'not UTF-8 text' }
}
