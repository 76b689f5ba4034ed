import { decodeField } from '../host/host-encoding.ts'
import type { Unheld } from './status.ts'

/** What templates/host/status/loose.sh answered; an answer that ends before its end is a partial one. */
export function parseLoose(answer: string): Unheld {
  const lines = answer.split('\n')
  const unheld: Unheld = {
    bytes: 0,
    files: 0,
    paths: [],
    accepted: [],
    asideBytes: 0,
    denied: null,
    partial: lines.includes('cut') || !lines.includes('whole'),
  }
  for (const line of lines) {
    const [, denied] = /^denied\t(.*)$/.exec(line) ?? []
    if (denied !== undefined) unheld.denied ??= decodeField(denied)
    const [kind, bytesText, filesText, path = ''] = line.split('\t')
    const bytes = Number(bytesText)
    const files = Number(filesText)
    if (!Number.isSafeInteger(bytes) || !Number.isSafeInteger(files)) continue
    if (kind === 'total') Object.assign(unheld, { bytes, files })
    if (kind === 'path') unheld.paths.push({ path: decodeField(path), bytes, files })
    if (kind === 'accepted') unheld.accepted.push({ path: decodeField(path) || '.', bytes, files })
    if (kind === 'aside') unheld.asideBytes = bytes
  }
  return unheld
}
