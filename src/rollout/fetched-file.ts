import { closeSync, existsSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { digestOfFile } from '../artifacts/file-digest.ts'
import { errorText } from '../host/error-code.ts'
import { exitCodes, Problem } from '../problem.ts'

/** A file of this machine that comes to its name only when all of it is there. */
export interface FetchedFile {
  write(data: Buffer): void
  /** @throws Problem `fetch-differs`, `file-exists`, `file-unwritable` */
  finish(sha256: string): Promise<void>
  /** Takes away what has not come to its name. */
  discard(): Promise<void>
}

/** What a message says of the run. */
interface About {
  doing: string
  host: string
  app: string
}

/** @throws Problem `file-exists` (exit 2) */
export function requireFree(path: string, about: About): void {
  if (!existsSync(path)) return
  throw new Problem({
    ...about,
    code: 'file-exists',
    found: `there is ${path} already`,
    next: 'nothing was changed; name another file, or remove that one',
    exit: exitCodes.usage,
  })
}

/** @throws Problem `file-exists`, `file-unwritable` (exit 2) */
export function createFetchedFile(path: string, about: About): FetchedFile {
  const part = `${path}.streamside-part`
  const refuse = (error: unknown) =>
    new Problem({
      ...about,
      code: 'file-unwritable',
      found: `${part}: ${errorText(error)}`,
      next: 'nothing was changed; name another place',
      exit: exitCodes.usage,
    })
  requireFree(path, about)
  let fd: number | null = null
  const attempt = <T>(job: () => T): T => {
    try {
      return job()
    } catch (error) {
      throw refuse(error)
    }
  }
  // what it holds is the app's: nobody else's here
  rmSync(part, { force: true })
  fd = attempt(() => openSync(part, 'wx', 0o600))
  const close = () => {
    if (fd !== null) closeSync(fd)
    fd = null
  }
  return {
    write(data) {
      const open = fd
      if (open !== null) attempt(() => writeAll(open, data))
    },
    async finish(sha256) {
      const open = fd
      if (open !== null) attempt(() => fsyncSync(open))
      close()
      const { sha256: here } = await digestOfFile(part)
      if (here !== sha256)
        throw new Problem({
          ...about,
          code: 'fetch-differs',
          found: `what has arrived in ${part} is not what the host has sent`,
          next: 'run it again; if that goes on, see whether the disk here is sound',
        })
      requireFree(path, about)
      await rename(part, path).catch((error: unknown) => {
        throw refuse(error)
      })
    },
    async discard() {
      close()
      rmSync(part, { force: true })
    },
  }
}

function writeAll(fd: number, data: Buffer): void {
  for (let at = 0; at < data.length;) at += writeSync(fd, data, at)
}
