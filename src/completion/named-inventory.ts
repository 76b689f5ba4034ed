import { stat } from 'node:fs/promises'
import { homedir } from 'node:os'

/**
 * The inventory that a line names so far, by `-i` or `--inventory`; the last one counts, as it does for the command. Null when it names
 * none. Shells hand over words as they were typed: `~`, quotes and backslashes are undone where there is no file of the very name.
 */
export async function namedInventory(words: readonly string[]): Promise<string | null> {
  const typed = typedInventory(words)
  if (typed === null) return null
  const isThere = await stat(typed).then(
    () => true,
    () => false,
  )
  return isThere ? typed : unquoted(typed)
}

function typedInventory(words: readonly string[]): string | null {
  let found: string | null = null
  for (let n = 0; n < words.length; n += 1) {
    const word = words[n] ?? ''
    // What comes after is no option: of `ssh HOST -- …`, for one.
    if (word === '--') break
    if (word === '-i' || word === '--inventory') {
      // bash makes three words of --inventory=PATH
      n += words[n + 1] === '=' ? 2 : 1
      found = words[n] ?? found
    } else if (word.startsWith('--inventory=')) found = word.slice('--inventory='.length)
    else if (/^-i./.test(word)) found = word.slice(2)
  }
  return found
}

function unquoted(word: string): string {
  const home = word.replace(/^~(?=\/|$)/, () => homedir())
  return home.replaceAll(/\\(.)|'([^']*)'|"([^"]*)"/g, (_, escaped?: string, single?: string, double?: string) => {
    return escaped ?? single ?? double ?? ''
  })
}
