import { createHash, randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { tlsWords } from '../tls-words.ts'
import { Problem } from '../problem.ts'

export interface Download {
  url: string
  /** Absolute path; appears only when the whole file is there and its sum is right. */
  to: string
  /** Expected sha256 in hex. */
  sha256: string
  /** What it is for, as a clause: `fetching Litestream 0.5.17`. */
  doing: string
  /** Bytes so far, and in all when the server says so. */
  progress?: (received: number, total: number | null) => void
  /** Seconds without a single byte after which it is given up. */
  stallSeconds?: number
}

/** Fetches a file to disk, hashing on the way. Throws Problem `download-*` or `checksum-mismatch`; then nothing is kept. */
export async function download(wanted: Download): Promise<void> {
  const stall = stallLimit(wanted.stallSeconds ?? 30)
  const part = `${wanted.to}.${randomUUID()}.part`
  await mkdir(dirname(wanted.to), { recursive: true })
  try {
    const response = await request(wanted.url, wanted.doing, stall)
    const length = response.headers.get('content-length')
    const total = length === null ? null : Number(length)
    const hash = createHash('sha256')
    let received = 0
    const body = response.body
    await pipeline(async function* counted() {
      for await (const chunk of body) {
        stall.moved()
        hash.update(chunk)
        received += chunk.length
        wanted.progress?.(received, total)
        yield chunk
      }
    }, createWriteStream(part))
    const sum = hash.digest('hex')
    if (sum !== wanted.sha256) throw mismatch(wanted.doing, wanted.url, wanted.sha256, sum)
    await rename(part, wanted.to)
  } catch (error) {
    throw asProblem(error, wanted.url, wanted.doing)
  } finally {
    stall.end()
    await rm(part, { force: true })
  }
}

/** Fetches a small text (checksums.txt). Throws Problem `download-*`. */
export async function downloadText(url: string, doing: string): Promise<string> {
  const stall = stallLimit(30)
  try {
    const response = await request(url, doing, stall)
    const text = await response.text()
    if (text.length > 1024 * 1024)
      throw failed('download-unexpected', doing, 'a text of over 1 MB', 'correct the address in the inventory')
    return text
  } catch (error) {
    throw asProblem(error, url, doing)
  } finally {
    stall.end()
  }
}

export function mismatch(doing: string, source: string, expected: string, found: string): Problem {
  return new Problem({
    code: 'checksum-mismatch',
    doing,
    found: `${source} has sha256 ${found}, expected ${expected}; nothing was kept`,
    next: 'if the file was replaced on purpose, put its new sum where the old one stands; if not, do not trust that source',
  })
}

interface StallLimit {
  signal: AbortSignal
  moved(): void
  end(): void
}

/** Aborts when nothing has moved for so long: a slow line is fine, a dead one is not. */
function stallLimit(seconds: number): StallLimit {
  const controller = new AbortController()
  const timer = setTimeout(() => {
    controller.abort(new DOMException(`nothing came for ${seconds} s`, 'TimeoutError'))
  }, seconds * 1000)
  return { signal: controller.signal, moved: () => void timer.refresh(), end: () => clearTimeout(timer) }
}

async function request(
  url: string,
  doing: string,
  stall: StallLimit,
): Promise<{ headers: Headers; body: ReadableStream<Uint8Array>; text: () => Promise<string> }> {
  // Redirects are followed: GitHub keeps release files on another host.
  const response = await fetch(url, { signal: stall.signal, redirect: 'follow' })
  stall.moved()
  if (url.startsWith('https:') && !response.url.startsWith('https:')) {
    await response.body?.cancel()
    throw failed(
      'download-unexpected',
      doing,
      `it leads to ${response.url}, which is not HTTPS`,
      'name an address that stays on HTTPS',
    )
  }
  if (response.ok && response.body) {
    const { headers, body } = response
    return { headers, body, text: () => response.text() }
  }
  await response.body?.cancel()
  const next =
    response.status === 404
      ? 'see that this version and architecture exist there, and correct the inventory'
      : response.status === 401 || response.status === 403
        ? 'see that the address can be read without signing in; streamside sends no credentials'
        : 'run this again later'
  throw failed(
    response.status === 404 ? 'download-not-found' : 'download-failed',
    doing,
    `${url} answered HTTP ${response.status} ${response.statusText}`.trimEnd(),
    next,
  )
}

function asProblem(error: unknown, url: string, doing: string): unknown {
  if (error instanceof Problem || !(error instanceof Error)) return error
  const cause = error.cause instanceof Error ? error.cause : error
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
  // undici says "fetch failed" or "terminated" and keeps the reason in `cause`. Anything without a code is a bug.
  if (code === '' && error.name !== 'TimeoutError' && error.name !== 'AbortError' && error.message !== 'terminated')
    return error
  if (['ENOSPC', 'EACCES', 'EROFS', 'EDQUOT'].includes(code))
    return failed(
      'cache-unwritable',
      doing,
      cause.message,
      'make room or give the right to write there, or set STREAMSIDE_CACHE',
    )
  return failed(
    'download-failed',
    doing,
    `${url}: ${tlsWords(cause.message) || code}`,
    `see that this machine reaches it${proxyHint()}`,
  )
}

/** Node's fetch takes the proxy variables only when asked to, which surprises everybody once. */
function proxyHint(): string {
  const env = process.env
  const proxy = env['HTTPS_PROXY'] ?? env['https_proxy'] ?? env['HTTP_PROXY'] ?? env['http_proxy']
  return proxy !== undefined && env['NODE_USE_ENV_PROXY'] !== '1'
    ? '; HTTPS_PROXY is set here, but Node uses it only with NODE_USE_ENV_PROXY=1'
    : ''
}

function failed(code: string, doing: string, found: string, next: string): Problem {
  return new Problem({ code, doing, found, next })
}
