import { readOnlyAdvice } from './advice.ts'
import { Problem } from '../problem.ts'
import type { ExecResult } from './connection.ts'
import type { Marks } from './launcher.ts'

/** What has been heard of a launcher so far. */
export interface RootTalk {
  stderr: string
  /** How often sudo has asked for the password. */
  asked: number
  /** Whether it was given. */
  answered: boolean
  /** A root shell waits for the tar. */
  root: boolean
  /** The program has been started. */
  started: boolean
}

/** The Problem for a launcher that ended before the program was started. */
export function rootProblem(
  talk: RootTalk,
  result: ExecResult,
  context: { doing: string; host: string; mark: Marks },
): Problem {
  const { doing, host } = context
  const said = lastWords(talk.stderr, context.mark) || lastWords(result.stdout, context.mark)
  const found = said === '' ? `the host ended it with status ${result.code} and said nothing` : said
  const problem = (code: string, text: string, next: string) => new Problem({ code, doing, found: text, next, host })
  if (/No space left on device/i.test(said))
    return problem(
      'disk-full',
      said,
      `free space or, when df -h shows enough, inodes (df -i) on ${host}: ssh ${host} sudo du -xhd2 / | sort -h; then run it again`,
    )
  if (/Read-only file system/i.test(said)) return problem('read-only', said, readOnlyAdvice(host))
  if (talk.root)
    return problem(
      'unpack-failed',
      found,
      `see whether ${host} has room and its file systems can be written to (df -h; findmnt -o TARGET,OPTIONS /)`,
    )
  if (/not in the sudoers|may not run|not allowed to (run|execute)|sudo is not installed|must have a tty/i.test(said))
    return problem(
      'no-sudo',
      said,
      `let the user of ${host} become root: install sudo there, add the user to the group sudo (usermod -aG sudo USER), ` +
        'and have no `requiretty` in sudoers; or connect as root (user: root in the inventory)',
    )
  if (talk.asked > 0 && !talk.answered)
    return problem(
      'sudo-password-needed',
      'sudo asks for a password, and none is known (it asks those as well who may not use it at all)',
      `give ${host} a \`sudo-password: !secret NAME\` in the inventory, or run this on a terminal and answer the question`,
    )
  if (talk.asked > 0)
    return problem(
      'sudo-password-wrong',
      `sudo does not take the password (${found})`,
      `it was tried once. If it was typed: run this again; if it is \`sudo-password\` of ${host} in the inventory: mend that secret`,
    )
  if (/not available|nologin/i.test(said))
    return problem('no-shell', said, `give the user of ${host} a login shell (chsh -s /bin/bash USER)`)
  return problem('no-root', found, `see what \`ssh ${host} sudo -n true\` says`)
}

/** The last lines that somebody else than the launcher has printed. */
function lastWords(text: string, mark: Marks): string {
  return text
    .replaceAll(mark.password, '\n')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.includes(mark.nonce))
    .slice(-3)
    .join('; ')
}
