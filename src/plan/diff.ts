import { createTwoFilesPatch } from 'diff'
import type { FileResource } from '../desired/resources.ts'
import type { ObservedPath } from '../host/observed.ts'

/**
 * Unified diff from what is on the host to what will be; null when there is nothing to show: the file holds secrets, is
 * bookkeeping, or is no text.
 */
export function fileDiff(resource: FileResource, seen: ObservedPath | undefined): string | null {
  if (isSecret(resource) || resource.ours !== undefined) return null
  const after = text(resource.content)
  const before = contentBefore(seen)
  if (after === null || before === null) return null
  if (before === after) return null
  const patch = createTwoFilesPatch(seen ? resource.path : '/dev/null', resource.path, before, after, '', '', {
    context: 3,
  })
  return patch.slice(patch.indexOf('---')).trimEnd()
}

/** Whether a file holds what must not be shown. */
export function isSecret(resource: FileResource): boolean {
  return resource.opaque === true || (resource.secrets ?? []).length > 0
}

function contentBefore(seen: ObservedPath | undefined): string | null {
  if (!seen) return ''
  return seen.type === 'file' && seen.content !== null ? text(seen.content) : null
}

/** null for what is no text: a diff of it would only break a terminal. */
function text(content: string | Buffer): string | null {
  const decoded = typeof content === 'string' ? content : content.toString('utf8')
  return decoded.includes('\0') || decoded.includes('\uFFFD') ? null : decoded
}
