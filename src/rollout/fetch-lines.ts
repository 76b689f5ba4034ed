import { performance } from 'node:perf_hooks'
import type { ExecResult } from '../host/connection.ts'
import { Problem } from '../problem.ts'
import { duration } from '../report/duration.ts'
import { size } from '../report/size.ts'

/** A database that has been received whole. */
export interface Fetched {
  name: string
  /** Null where Litestream did not say it. */
  txid: string | null
  bytes: number
  /** Of the file, as the host has it: hex. */
  sha256: string
}

/** Why nothing more comes from templates/host/fetch.sh. */
export type FetchFailed =
  | { kind: 'failed'; name: string; words: string; best: string | null }
  | { kind: 'no-room'; name: string; wanted: number; free: number }

interface Heard {
  restoring: (name: string) => void
  write: (name: string, data: Buffer) => void
  /** How far a copy is: ten times a file, and no more than once a second. */
  copied: (name: string, text: string) => void
  fetched: (result: Fetched) => void
}

/** Reads the lines that templates/host/fetch.sh answers. */
export function fetchReader(heard: Heard, clock: () => number = () => performance.now()) {
  let receiving: (Fetched & { got: number; since: number; told: number; toldAt: number }) | null = null
  let failed: FetchFailed | null = null
  const close = () => {
    if (receiving === null) return
    const { name, txid, bytes, sha256 } = receiving
    if (receiving.got === receiving.bytes) heard.fetched({ name, txid, bytes, sha256 })
    receiving = null
  }
  const data = (line: string) => {
    if (receiving === null) return
    const piece = Buffer.from(line, 'base64')
    receiving.got += piece.length
    heard.write(receiving.name, piece)
    const tenth = Math.floor((receiving.got * 10) / receiving.bytes)
    if (tenth === receiving.told || tenth === 10 || clock() - receiving.toldAt < 1000) return
    receiving.told = tenth
    receiving.toldAt = clock()
    heard.copied(receiving.name, progress(receiving.got, receiving.bytes, (clock() - receiving.since) / 1000))
  }
  return {
    get failed() {
      return failed
    },
    take(line: string) {
      if (line === '') return
      const [kind, name = '', ...fields] = line.split('\t')
      if (name === '') {
        data(line)
        return
      }
      close()
      const [first = '', second = '', third = ''] = fields
      if (kind === 'restoring') heard.restoring(name)
      if (kind === 'failed')
        failed = { kind, name, words: Buffer.from(first, 'base64').toString(), best: second === '-' ? null : second }
      if (kind === 'no-room') failed = { kind, name, wanted: Number(first), free: Number(second) }
      if (kind === 'restored')
        receiving = {
          name,
          txid: first === '-' ? null : first,
          bytes: Number(second),
          sha256: third,
          got: 0,
          since: clock(),
          told: 0,
          toldAt: clock(),
        }
    },
    /** The last file has no line after it. */
    end: close,
  }
}

function progress(got: number, bytes: number, seconds: number): string {
  const rate = seconds > 0 ? got / seconds : 0
  const left = rate > 0 ? `, ${size(rate)}/s, ${duration((bytes - got) / rate)} left` : ''
  return `${size(got)} of ${size(bytes)}${left}`
}

/** What is said of it: in the host's words, and what to do next. */
export function fetchFailure(
  about: { doing: string; host: string; app: string },
  failed: FetchFailed | null,
  answer: ExecResult,
): Problem {
  if (failed === null && answer.code === 1 && answer.stderr.includes('is not set up on this host'))
    return new Problem({
      ...about,
      code: 'fetch-not-there',
      found: `${about.app} is not set up on ${about.host}, which has no way to its replica then`,
      next: `streamside restore ${about.host}, which brings the host back; after that this works`,
    })
  if (failed === null)
    return new Problem({
      ...about,
      code: 'fetch-broke-off',
      found: answer.stderr.trim() || `the program on the host ended with status ${answer.code}, and not all was there`,
      next: 'nothing was changed, and no file was written; run it again',
    })
  if (failed.kind === 'no-room')
    return new Problem({
      ...about,
      code: 'fetch-no-room',
      found: `restoring ${failed.name} needs about ${size(failed.wanted)} in /var/tmp of ${about.host}, and ${size(failed.free)} are free`,
      next: 'make room there; nothing was changed',
    })
  return new Problem({
    ...about,
    code: 'fetch-not-restored',
    found: `${failed.name} could not be restored: ${failed.words}`,
    next:
      failed.best === null
        ? 'nothing was changed, and no file was written; --at TIME looks for an earlier point'
        : `nothing was changed; the last point before what is damaged does restore: --txid ${failed.name}=${failed.best.replace(/^0+(?=.)/, '')}`,
  })
}
