import type { Secret } from '../inventory/secret.ts'

/** Takes secret values out of a text. */
export type Redact = (text: string) => string

/** A value shorter than this would turn up in innocent text all the time. */
const shortest = 4

/**
 * A last line of defence behind `Secret`: replaces the values of all secrets by `***`, also where they are quoted or
 * encoded for JSON, base64, URLs, shells or systemd. Values below 4 characters are left alone.
 */
export function createRedactor(secrets: Iterable<Secret>): Redact {
  const forms = new Set<string>()
  for (const secret of secrets)
    for (const form of formsOf(secret.reveal())) if (form.length >= shortest) forms.add(form)
  if (forms.size === 0) return (text) => text
  // Longest first: a secret that holds another goes as a whole.
  const longestFirst = [...forms].sort((a, b) => b.length - a.length)
  const pattern = new RegExp(longestFirst.map(literal).join('|'), 'g')
  return (text) => text.replaceAll(pattern, '***')
}

/** RegExp.escape() is not in Node 22 yet. */
function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}

function formsOf(value: string): string[] {
  if (value.length < shortest) return []
  const bytes = Buffer.from(value)
  const base64 = bytes.toString('base64')
  const url = encodeURIComponent(value)
  // encodeURIComponent leaves !'()* alone, S3's signatures and some programs do not.
  const strictUrl = url.replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
  const quoted = JSON.stringify(value).slice(1, -1)
  return [
    value,
    quoted,
    quoted.replaceAll('/', '\\/'),
    base64,
    base64.replace(/=+$/, ''),
    bytes.toString('base64url'),
    bytes.toString('hex'),
    url,
    strictUrl,
    ...[url, strictUrl].map((form) => form.replaceAll(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase())),
    ...[url, strictUrl].map((form) => form.replaceAll('%20', '+')),
    value.replaceAll("'", `'\\''`),
    value.replaceAll(/["\\$`]/g, '\\$&'),
    value.replaceAll('%', '%%'),
    value.replaceAll('$', '$$$$'),
    // A key file is printed line by line: in a diff each line has a sign before it.
    ...value.split('\n').filter((line) => value.includes('\n') && line.length >= 8),
  ]
}

/** Fields that hold words of our own and names of the inventory: a secret that is the word `changed` must not break them. */
const ours = new Set(['type', 'command', 'step', 'kind', 'action', 'outcome', 'code', 'host', 'hosts', 'app'])

/** The same data with all texts in it redacted, but for the fields that are never free text. */
export function redactAll<T>(value: T, redact: Redact): T
export function redactAll(value: unknown, redact: Redact): unknown {
  if (typeof value === 'string') return redact(value)
  if (Array.isArray(value)) return value.map((one) => redactAll(one, redact))
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [key, ours.has(key) ? one : redactAll(one, redact)]),
    )
  return value
}
