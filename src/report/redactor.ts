import type { Secret } from '../inventory/secret.ts'
import { environmentLine, notCarried, notCarriedByFile, systemdExecWord, systemdWord } from '../templates/quote.ts'

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
  // Longest first: a secret that holds another goes as a whole. Not one pattern of all: a key file makes it too large for the
  // engine, whose error then quotes it.
  const longestFirst = [...forms].sort((a, b) => b.length - a.length)
  return (text) => longestFirst.reduce((rest, form) => rest.replaceAll(form, '***'), text)
}

function formsOf(value: string): string[] {
  if (value.length < shortest) return []
  const bytes = Buffer.from(value)
  const base64 = bytes.toString('base64')
  const json = inner(JSON.stringify(value), 1)
  return [
    value,
    json,
    json.replaceAll('/', '\\/'),
    base64,
    base64.replace(/=+$/, ''),
    bytes.toString('base64url'),
    bytes.toString('hex'),
    ...urlForms(value),
    ...configForms(value),
    // A key file is printed line by line: in a diff each line has a sign before it.
    ...value.split('\n').filter((line) => value.includes('\n') && line.length >= 8),
  ]
}

function urlForms(value: string): string[] {
  // A lone surrogate has no bytes that a URL could hold.
  if (!value.isWellFormed()) return []
  const url = encodeURIComponent(value)
  // encodeURIComponent leaves !'()* alone; S3's signatures and some programs do not.
  const strict = url.replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
  const form = inner(new URLSearchParams({ '': value }).toString(), 1, 0)
  return [url, strict, form].flatMap((text) => [
    text,
    text.replaceAll(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase()),
    text.replaceAll('%20', '+'),
  ])
}

/** As this program itself writes it into units, environment files and command lines. */
function configForms(value: string): string[] {
  // None of these can hold a NUL.
  if (value.includes('\0')) return []
  // What the quoting refuses is written nowhere in that form.
  return [
    ...(notCarried(value) === null ? [inner(systemdWord(value), 1), inner(systemdExecWord(value), 1)] : []),
    ...(notCarriedByFile('K', value) === null ? [inner(environmentLine('K', value), 3, 1)] : []),
    value.replaceAll("'", `'\\''`),
    value.replaceAll('$', '$$$$'),
  ]
}

/** Without the quotes around it. */
function inner(text: string, before: number, after = before): string {
  return text.slice(before, text.length - after)
}

/** Fields that hold words of our own and names of the inventory: a secret that is the word `changed` must not break them. */
const ours = new Set(
  'type command step kind action outcome code host hosts app instance state protection unit load active sub'.split(' '),
)

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
