import path from 'node:path'
import { isLoggingFile } from '../desired/logging.ts'
import { readOnlyAdvice } from '../host/advice.ts'
import { parseReason } from '../host/probe-records.ts'
import type { Host } from '../inventory/model.ts'
import { exitCodes, type ExitCode, Problem } from '../problem.ts'
import { shellWord } from '../templates/quote.ts'
import { packageAdvice } from './package-advice.ts'

/** What to do next, by the code of a problem in a transaction's journal. */
const nextByCode: Record<string, (host: string) => string> = {
  'host-moved': () => 'somebody has changed it by hand meanwhile: run provision again, it makes a new plan',
  overtaken: () => 'nothing was changed: run provision again, it makes a new plan',
  ...packageAdvice,
  'disk-full': (host) =>
    `free space there (streamside ssh ${host} sudo du -xhd1 / | sort -h), then run provision again: it goes on from what is in place`,
  'inodes-full': (host) =>
    `a file system there has room and takes no more files (streamside ssh ${host} df -i): find the folder with very many small ` +
    'files (sudo du -xd3 --inodes / | sort -n), then run provision again: it goes on from what is in place',
  'read-only': readOnlyAdvice,
  'not-valid': () => 'nothing was put in place, the old files stand; mend the inventory and run provision again',
  'put-back': (host) =>
    `is the address that logs: says one of ${host}'s own (logs: { addresses: … }), and the port free (streamside ssh ${host} sudo ss -ltnp)? Mend that and run provision again`,
  digest: (host) => `the card or the memory of ${host} may be failing: see dmesg there, then run provision again`,
  'release-damaged': (host) =>
    'run provision again: it packs and sends the release anew, and the old one is still in place. When it stays so, ' +
    `the card or the memory of this machine or of ${host} is failing`,
  'in-the-way': () => 'move it away on the host, or choose another path in the inventory, then run provision again',
  'hard-link': () =>
    'find its other name (find / -xdev -samefile FILE): take away the name that should not be, or give the file to the user yourself, then run provision again',
  'link-in-path': () => 'write the way without the link into the inventory, then run provision again',
  write: () => 'see whether the card is full or read-only (df -h, df -i, dmesg), then run provision again',
  unit: () => 'see `systemctl status` of that unit on the host, then run provision again',
  'not-mounted': (host) =>
    `see why (streamside ssh ${host} systemctl status of that unit): is the disk plugged in, the server on, and what mount: says right? Then run provision again`,
  user: () => 'see /etc/passwd and /etc/group on the host, then run provision again',
}

/**
 * Codes of the gate and the timer (templates/host/decide/*.jq) that say: what the replica holds is not sound. The run then ends
 * with 6, whatever else went wrong.
 */
const unsound = new Set([
  'bucket-gone',
  'chain-broken',
  'chain-gap',
  'chain-short',
  'object-damaged',
  'owner-garbage',
  'owner-gone',
  'replica-lost',
  'replica-short',
  'rolled-back',
  'split',
])

/** Whether a verdict of a host says that a replica is not sound. */
export function isUnsound(code: string): boolean {
  return unsound.has(code)
}

/** The Problem that a journal line `problem CODE TEXT` stands for. */
export function transactionProblem(host: string, code: string, text: string): Problem {
  const [kind = '', app] = code.split(':')
  if (kind === 'held' && app !== undefined) {
    const reason = parseReason(text)
    const exit: ExitCode = isUnsound(reason.code) ? exitCodes.unsound : exitCodes.failed
    return new Problem({
      code: `gate-${reason.code || 'refused'}`,
      doing: `starting ${app} on ${host}`,
      found: reason.text,
      next: reason.next || `see \`systemctl status ${app}-gate\` on ${host}`,
      host,
      app,
      exit,
    })
  }
  if (kind === 'unhealthy' && app !== undefined)
    return new Problem({
      code: 'unhealthy',
      doing: `waiting for ${app} to be healthy on ${host}`,
      found: text.trim(),
      next:
        missingInterpreter(text) ??
        portInUse(text, host, app) ??
        `mend the release or its health check and run provision again; on the host: journalctl -u ${app}`,
      host,
      app,
    })
  if (kind === 'unprotected' && app !== undefined)
    return new Problem({
      code: 'unprotected',
      doing: `waiting for ${app} to be replicated from ${host}`,
      found: `the app is healthy, but its data are not in the replica yet: ${text.trim()}`,
      next: `see journalctl -u ${app}-litestream on ${host}; until it is mended, this card holds the only copy`,
      host,
      app,
    })
  if (kind === 'not-proven' && app !== undefined)
    return new Problem({
      code: 'not-proven',
      doing: `moving the databases of ${app} on ${host}`,
      found: `it is not proven that the replica holds everything: ${text.trim()}; no file was changed on this host, and ${app} is started again`,
      next: `run it again once status says that ${app} is protected; or give its databases their former place in the inventory`,
      host,
      app,
      exit: exitCodes.unsound,
    })
  if (kind === 'not-released' && app !== undefined)
    return new Problem({
      code: 'not-released',
      doing: `removing ${app} from ${host}`,
      found: `${text.trim()}; nothing of it was changed`,
      next: `mend that and run it again, or put ${app} back into the inventory`,
      host,
      app,
      exit: exitCodes.unsound,
    })
  const immutable = immutableAdvice(host, text)
  return new Problem({
    code: immutable === null ? kind : 'immutable',
    doing: `provisioning ${host}`,
    found: text.trim(),
    next:
      immutable ??
      (kind === 'not-valid' ? snippetAdvice(host, text) : null) ??
      nextByCode[kind]?.(host) ??
      'run provision again; when it stays so, the journal lies in /var/lib/streamside/transactions on the host',
    host,
    ...(kind === 'overtaken' ? { exit: exitCodes.locked } : {}),
  })
}

/** What is not permitted to root: a file that is immutable or append-only may not be replaced, nor one in such a folder (chattr(1)). */
function immutableAdvice(host: string, text: string): string | null {
  const said = /^.*\b(?:mv|rm|rmdir|mkdir): cannot .*: Operation not permitted$/m.exec(text)?.[0]
  if (said === undefined) return null
  const file = [...said.matchAll(/'(\/[^']*)'/g)].at(-1)?.[1]
  const asked = file === undefined ? 'FILE FOLDER' : `${shellWord(file)} ${shellWord(path.posix.dirname(file))}`
  return (
    `root may not change it, so it, or the folder that it lies in, is immutable or append-only: see which (streamside ssh ${host} sudo lsattr -d ${asked}: ` +
    'i or a), and who wanted that; take it away (sudo chattr -i FILE, or -a), then run provision again'
  )
}

/** The user's own files in /etc/rsyslog.d come from no inventory: each that rsyslogd complains of, and whose it is to mend. */
function snippetAdvice(host: string, text: string): string | null {
  // what rsyslogd names itself may be the file in which it noticed; templates/host/rsyslog.sh found out
  const blamed = /^without (\/etc\/rsyslog\.d\/.+?) the configuration is valid/m.exec(text)?.[1]
  const named = blamed ? [blamed] : [...new Set(text.match(/\/etc\/rsyslog\.(?:d\/[^\s,':]+|conf\b)/g) ?? [])]
  // it says of its main file, too, that it could not be read, when what is wrong stands in another
  const causes = named.length > 1 ? named.filter((file) => file !== '/etc/rsyslog.conf') : named
  const files = causes.filter((file) => !isLoggingFile(file))
  if (files.length === 0) return null
  return (
    `nothing was put in place, the old files stand; ${files.join(' and ')} on ${host} ${files.length === 1 ? 'is' : 'are'} none of ` +
    `streamside's: mend that there until this says nothing more (streamside ssh ${host} sudo rsyslogd -N1), then run provision again`
  )
}

/**
 * What to do when a unit's log says that a script could not be started for want of its interpreter. The kernel's ENOENT is about
 * the file that `#!` names (execve(2)) although systemd names the script: that one is there, a release without the program of
 * its command is refused earlier. With `#!/usr/bin/env NAME` it is env that says so.
 */
function missingInterpreter(log: string): string | null {
  const again = 'and run provision again'
  const byEnv = /\benv: [‘'"]?([^‘’'":\s]+)[’'"]?: No such file or directory/.exec(log)?.[1]
  if (byEnv !== undefined)
    return `${byEnv}, which the script asks for in its first line (#!), is not on the host: name its Debian package under packages: ${again}`
  const script = /Failed to execute (\S+): No such file or directory/.exec(log)?.[1]
  if (script === undefined) return null
  return `${script} is a script whose interpreter (its first line, #!) is not on the host, or a program for another libc: name the interpreter's Debian package under packages: ${again}`
}

/** Taken since the plan was made, or one that the inventory does not know of: what EADDRINUSE reads like (strerror(3)). */
function portInUse(log: string, host: string, app: string): string | null {
  if (!/address (is )?already in use|EADDRINUSE/i.test(log)) return null
  return (
    `another process listens where ${app} wants to: see who (streamside ssh ${host} sudo ss -ltnp), end it or give ${app} ` +
    'another port in the inventory, then run provision again'
  )
}

/** Another run's transaction is under way on the host, and somebody is watching it. */
export function locked(host: Host, { id, who }: { id: string; who: string }): Problem {
  return new Problem({
    code: 'locked',
    doing: `provisioning ${host.name}`,
    found: `it is locked by ${who}, since ${startOf(id)} (transaction ${id})`,
    next: `wait until that has ended, then run this again; --break-lock ends it in the middle, as a power cut would`,
    host: host.name,
    exit: exitCodes.locked,
  })
}

/** What --break-lock has found and done: `broken` false when there was nothing to break any more. */
export function lockBroken(
  { id, who, attended }: { id: string; who: string; attended: boolean },
  broken: boolean,
  hasEnded: boolean,
): { code: string; message: string } {
  const transaction = `the transaction ${id} of ${who}, begun ${startOf(id)},`
  if (!broken)
    return { code: 'lock-freed', message: `${transaction} ended by itself in this moment; nothing was broken` }
  const watched =
    attended && !hasEnded ? 'it was at work, and they were watching it' : 'nobody was watching it any more'
  return { code: 'lock-broken', message: `${transaction} was ended in the middle; ${watched}` }
}

/** The host was locked anew each time that its lock was broken. */
export function lockedAgain({ doing, found, host, exit }: Problem, tries: number): Problem {
  return new Problem({
    code: 'locked',
    doing,
    found: `${found}; the lock was broken ${tries - 1} times before, and somebody began anew each time`,
    next: 'ask them to stop, then run this again',
    ...(host === undefined ? {} : { host }),
    exit,
  })
}

/** UTC time at which a transaction began: its id starts with it (`20261121T100000…`). */
function startOf(id: string): string {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)/.exec(id) ?? []
  return year === undefined ? 'an unknown time' : `${year}-${month}-${day} ${hour}:${minute}:${second} UTC`
}

/** --restarts none, and an app that cannot go on as it runs. */
export function restartNeeded(host: Host, app: string): Problem {
  return new Problem({
    code: 'restart-needed',
    doing: `provisioning ${host.name} without restarts`,
    found: `the databases of ${app} get another place, and while it runs nobody could look after them there`,
    next: 'run it without --restarts none, or give them their former place in the inventory',
    host: host.name,
    app,
  })
}

/** The transaction that was followed has no end and runs no more. */
export function cutOff(host: Host, id: string, { who, why }: { who: string; why: string }): Problem {
  const died = who === '' && why !== ''
  return new Problem({
    code: 'transaction-cut',
    doing: `provisioning ${host.name}`,
    found:
      who !== ''
        ? `the transaction ${id} was ended in the middle by ${who} with --break-lock`
        : died
          ? `the transaction ${id} stopped without an end: its program died, and systemd says:\n${why}`
          : `the transaction ${id} stopped without an end: the host lost power or restarted in the middle of it`,
    next:
      'run provision again: no half-written file is in place, and it goes on from what it finds' +
      (died
        ? `; if it dies again, see whether the host runs out of memory (streamside ssh ${host.name} -- sudo dmesg)`
        : ''),
    host: host.name,
  })
}

/** The host has not begun the transaction, and says nothing of another. */
export function notStarted(host: Host, stderr: string): Problem {
  return new Problem({
    code: 'transaction-not-started',
    doing: `starting the transaction on ${host.name}`,
    found: stderr.trim() || 'the host said nothing',
    next: 'see `df` and `systemctl --failed` on the host, then run provision again',
    host: host.name,
  })
}
