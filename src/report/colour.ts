import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Puts a style on a text, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string

export function painter(color: boolean): Paint {
  // validateStream: the caller has decided for its stream; styleText would look at stdout.
  return color ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text
}

/** Whether a stream is to be written to in colour: a terminal that is not dumb, and NO_COLOR (no-color.org) is not set. */
export function wantsColor(stream: { isTTY?: boolean }, environment: NodeJS.ProcessEnv = process.env): boolean {
  if (environment['NO_COLOR']) return false
  if (environment['FORCE_COLOR']) return environment['FORCE_COLOR'] !== '0'
  return stream.isTTY === true && environment['TERM'] !== 'dumb'
}
