import { z } from 'zod'

/** `90s`, `5m`, `24h`, `7d` in seconds; null when it is no duration. */
export function durationSeconds(text: string): number | null {
  const match = /^([0-9]{1,9})([smhd])$/.exec(text)
  if (!match) return null
  const unit = { s: 1, m: 60, h: 3600, d: 86_400 }[match[2] ?? ''] ?? 1
  return Number(match[1]) * unit
}

/** `256M`, `1G` in bytes (powers of 1024, as systemd and df -h count); null when it is no size. */
export function sizeBytes(text: string): number | null {
  const match = /^([0-9]{1,6})([KMGT])$/.exec(text)
  if (!match) return null
  const power = { K: 1, M: 2, G: 3, T: 4 }[match[2] ?? ''] ?? 0
  return Number(match[1]) * 1024 ** power
}

const notDuration = 'not a length of time; write a number with s, m, h or d: 30s, 24h'
const notSize = 'not a size; write a number with K, M, G or T: 256M'

/** A length of time as text; at least `from`, at most `to`. Yields seconds. */
export function duration(from: string, to: string) {
  const low = durationSeconds(from) ?? 0
  const high = durationSeconds(to) ?? Infinity
  return z
    .string({ error: notDuration })
    .regex(/^[0-9]{1,9}[smhd]$/, { error: notDuration, abort: true })
    .transform((text, context) => {
      const seconds = durationSeconds(text) ?? 0
      if (seconds < low)
        context.addIssue({ code: 'custom', message: `shorter than ${from}, the least that is accepted` })
      if (seconds > high) context.addIssue({ code: 'custom', message: `longer than ${to}, the most that is accepted` })
      return seconds
    })
}

/** A size as text; at least `from`, at most `to`. Yields bytes. */
export function size(from: string, to: string) {
  return z
    .string({ error: notSize })
    .regex(/^[0-9]{1,6}[KMGT]$/, { error: notSize, abort: true })
    .transform((text, context) => {
      const bytes = sizeBytes(text) ?? 0
      if (bytes < (sizeBytes(from) ?? 0)) context.addIssue({ code: 'custom', message: `smaller than ${from}` })
      if (bytes > (sizeBytes(to) ?? Infinity)) context.addIssue({ code: 'custom', message: `larger than ${to}` })
      return bytes
    })
}

/** A TCP port. */
export function port() {
  return z.int().min(1).max(65_535)
}

/** Text that is not empty and holds no NUL; everything else may stand in it. */
export function text() {
  return z
    .string()
    .min(1)
    .refine((value) => !value.includes('\0'), 'cannot hold a NUL character')
}

/** Text for places where a control character does harm: names of things, addresses, URLs. */
export function plainText() {
  // oxlint-disable-next-line no-control-regex
  return text().regex(/^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$/, 'cannot hold control characters or line breaks')
}

/** A path on the operator's machine, relative to the inventory's folder unless absolute. */
export function localPath() {
  return text()
}

/** `host:` and the like: a name that stands elsewhere in the inventory. */
export function reference() {
  return text()
}

/**
 * `!secret NAME`. The loader hands a symbol to the schema in its place, NAME being its description; text is refused
 * there, so that no key ends up in Git. In JSON Schema it is text, since YAML tags are invisible to it.
 */
export function secret() {
  return z.custom<symbol>((value) => typeof value === 'symbol', { error: secretWanted }).meta({ secret: true })
}

/** The refusal of a literal where only a secret may stand; `explain` recognises it and hides the value. */
export const secretWanted = 'a secret does not stand in the inventory; write !secret NAME here'

/**
 * A key that is known but not built yet: whatever its value, it is refused with these words instead of ignored. Editors
 * are shown what it will be.
 */
export function notYet(schema: z.ZodType, description: string) {
  return z
    .unknown()
    .superRefine((value, context) => {
      context.addIssue({ code: 'custom', message: 'not yet supported' })
      // A misspelt key within it is one all the same.
      for (const issue of schema.safeParse(value, { error: knownKeys }).error?.issues ?? [])
        if (issue.code === 'unrecognized_keys') {
          const { code, keys, path, message } = issue
          context.addIssue({ code, keys, path, message })
        }
    })
    .meta({ later: schema })
    .optional()
    .describe(`Not yet supported. ${description}`)
}

/** Of a complaint about unknown keys: the ones that are known there, for `explain` to pick the nearest from. */
export function knownKeys(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== 'unrecognized_keys') return undefined
  return issue.inst instanceof z.ZodObject ? Object.keys(issue.inst.shape).join(' ') : ''
}
