/**
 * What Node says of a certificate that it does not trust, without the advice that it appends: that is for whoever starts Node with
 * options of its own, and what helps here is another thing.
 */
export function tlsWords(message: string): string {
  return message.replace(/; if the root CA is installed locally, .*$/s, '')
}
