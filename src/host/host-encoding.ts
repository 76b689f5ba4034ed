/**
 * Text for one field of the line protocols between operator and host: what the host's `printf %b` turns back into the
 * text. A backslash, TAB or newline would end the field or the line; everything else stands as it is.
 */
export function encodeField(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n')
}

/** What `encodeField`, and a host's programs that write names in the same way, stand for. */
export function decodeField(field: string): string {
  return field.replaceAll(/\\(.)/g, (_, char: string) => ({ n: '\n', t: '\t' })[char] ?? char)
}

/** What a host sent as base64; nothing for a field that is not there. */
export function decodeBase64(field: string | undefined): string {
  return field === undefined ? '' : Buffer.from(field, 'base64').toString()
}
