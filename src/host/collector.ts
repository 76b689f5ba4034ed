import { StringDecoder } from 'node:string_decoder'
import { Problem } from '../problem.ts'
import { size } from '../report/size.ts'

/**
 * What is kept of a command's answer, stdout and stderr together. The longest that is wanted, a look at a host with all of its files
 * differing, is a few megabytes; a host that was broken into may print for ever, and must not take this machine's memory.
 */
const keptBytes = 64 * 2 ** 20

/** Of what goes on without an end: enough for the words of a login shell that does not let anybody in. */
const beginningBytes = 64 * 2 ** 10

/** How much of one command's answer is kept by now. */
export function createLimit(host: string, doing: string) {
  let total = 0
  const most = (bytes: number) => {
    if (bytes <= keptBytes) return
    throw new Problem({
      code: 'answer-too-long',
      doing,
      found: `${host} has printed more than ${size(keptBytes)} and goes on: it was given up`,
      next: `see what stands on ${host} in place of its own programs (as root: type -a stat sha256sum systemctl), and what its login shell prints`,
      host,
    })
  }
  return {
    /** @throws Problem `answer-too-long` */
    add: (bytes: number) => most((total += bytes)),
    /** A line that does not end, of what is not kept else. */
    line: most,
  }
}

interface Heard {
  onLine?: ((line: string) => void) | undefined
  onText?: ((text: string) => void) | undefined
  /** Only its beginning is kept: it may go on for days (`logs -f`). */
  onlyLines?: boolean | undefined
}

/** Puts chunks together to text and lines; a character may be cut in two by a chunk's end. */
export function collector(limit: ReturnType<typeof createLimit>, { onLine, onText, onlyLines = false }: Heard) {
  const decoder = new StringDecoder('utf8')
  const pieces: string[] = []
  let kept = 0
  let line = ''
  const add = (text: string) => {
    if (text === '') return
    if (!onlyLines || kept < beginningBytes) pieces.push(text)
    kept += text.length
    onText?.(text)
    if (!onLine) return
    const [first = '', ...others] = text.split('\n')
    line += first
    for (const next of others) {
      onLine(line)
      line = next
    }
  }
  return {
    take(chunk: Buffer) {
      if (onlyLines) limit.line(line.length + chunk.length)
      else limit.add(chunk.length)
      add(decoder.write(chunk))
    },
    /** The whole text; a last line without its newline is handed on too. */
    end(): string {
      add(decoder.end())
      if (line !== '') onLine?.(line)
      return pieces.join('')
    },
  }
}
