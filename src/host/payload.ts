import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import tar from 'tar-stream'
import { Problem } from '../problem.ts'
import { errorText } from './error-code.ts'

export interface PayloadFile {
  /** Relative path in the directory it is unpacked to. */
  name: string
  content: string | Buffer
  /** Default 0o600. */
  mode?: number
}

/** A big file that is read from the operator's disk while it is sent. */
export interface PayloadStream {
  name: string
  path: string
  /** Default 0o600. */
  mode?: number
}

/** The last entry of each payload. GNU tar takes a stream that ends between two entries for a whole one. */
export const completeMark = '.complete'

/**
 * The files as one tar stream, made as fast as it is read; nothing is written to this machine's disk.
 * Throws RangeError for a name that would leave the directory, Problem `file-changed` when a big file shrinks or grows
 * while it is sent, `file-unreadable` when it cannot be read.
 */
export async function* payload(files: PayloadFile[], streams: PayloadStream[]): AsyncGenerator<Uint8Array> {
  for (const { name } of [...files, ...streams]) requireInside(name)
  const pack = tar.pack()
  const filling = fill(pack, files, streams)
  // A failure ends the stream with that error, which is where the reader hears it.
  filling.catch((error: unknown) => pack.destroy(error instanceof Error ? error : new Error(String(error))))
  try {
    for await (const chunk of pack) if (chunk instanceof Uint8Array) yield chunk
  } catch (error) {
    // tar-stream knows only that an entry ended early: why, the filling says.
    await filling
    throw error
  } finally {
    pack.destroy()
  }
}

async function fill(pack: tar.Pack, files: PayloadFile[], streams: PayloadStream[]): Promise<void> {
  for (const file of files) pack.entry(header(file.name, file.mode), file.content)
  for (const one of streams) await addStream(pack, one)
  pack.entry(header(completeMark), '')
  pack.finalize()
}

async function addStream(pack: tar.Pack, { name, path, mode }: PayloadStream): Promise<void> {
  const doing = `sending ${path}`
  let size: number
  try {
    ;({ size } = await stat(path))
  } catch (error) {
    throw unreadable(doing, error)
  }
  const entry = pack.entry({ ...header(name, mode), size })
  /** tar has promised `size` bytes: a file that shrinks would leave the stream waiting, or fill it with something else. */
  async function* exactly(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let sent = 0
    for await (const chunk of source) {
      sent += chunk.length
      yield chunk
    }
    if (sent < size)
      throw new Problem({
        code: 'file-changed',
        doing,
        found: `it was ${size} bytes long, and then ${sent}`,
        next: 'run it again when nothing writes to that file',
      })
  }
  try {
    // An empty file has no last byte to read to.
    await pipeline(createReadStream(path, size > 0 ? { end: size - 1 } : {}), exactly, entry)
  } catch (error) {
    throw error instanceof Problem ? error : unreadable(doing, error)
  }
}

function unreadable(doing: string, error: unknown): Problem {
  return new Problem({
    code: 'file-unreadable',
    doing,
    found: errorText(error),
    next: 'see to it that the file is there and readable, and run it again',
    cause: error,
  })
}

/** Owned by root whoever sends it, and always of the same time: the bytes depend on the files alone. */
function header(name: string, mode = 0o600): Partial<tar.Header> & Pick<tar.Header, 'name'> {
  return { name, mode, uid: 0, gid: 0, uname: 'root', gname: 'root', mtime: new Date(0), type: 'file' }
}

function requireInside(name: string): void {
  const inside = name !== '' && name.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  if (!inside || name.includes('\0') || name === completeMark)
    throw new RangeError(`${JSON.stringify(name)} is not a name for a file of a payload`)
}
