import { includeAdvice, readOnlyAdvice } from '../host/advice.ts'
import { parseReason } from '../host/probe-records.ts'
import type { Host } from '../inventory/model.ts'
import { exitCodes, type ExitCode, Problem } from '../problem.ts'
import { packageAdvice } from './package-advice.ts'
import { rollProblem } from './roll-problems.ts'
import { diskFullAdvice, immutableAdvice, missingInterpreter, portInUse, snippetAdvice } from './transaction-advice.ts'

/** What to do next, by the code of a problem in a transaction's journal. */
const nextByCode: Record<string, (host: string) => string> = {
  'host-moved': () => 'somebody has changed it by hand meanwhile: run provision again, it makes a new plan',
  overtaken: () => 'nothing was changed: run provision again, it makes a new plan',
  ...packageAdvice,
  'inodes-full': (host) =>
    `a file system there has room and takes no more files (streamside ssh ${host} df -i): find the folder with very many small ` +
    'files (sudo du -xd3 --inodes / | sort -n), then run provision again: it goes on from what is in place',
  'read-only': readOnlyAdvice,
  'not-valid': () => 'nothing was put in place, the old files stand; mend the inventory and run provision again',
  'rsyslog-not-included': (host) => `nothing was put in place, the old files stand; ${includeAdvice(host)}`,
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
  user: (host) =>
    `see who has that number there (streamside ssh ${host} getent passwd NUMBER, getent group NUMBER): an app whose data are in a replica keeps the one that it had. ` +
    'Give the other account another one (usermod -u, groupmod -g), then run provision again',
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
  'place-lost',
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
      next: missingInterpreter(text) ?? portInUse(text, host, app) ?? unhealthyAdvice(app, text),
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
  const rolled = app === undefined ? null : rollProblem(host, app, kind, text.trim())
  if (rolled) return rolled
  const immutable = immutableAdvice(host, text)
  return new Problem({
    code: immutable === null ? kind : 'immutable',
    doing: `provisioning ${host}`,
    found: text.trim(),
    next:
      immutable ??
      (kind === 'not-valid' ? snippetAdvice(host, text) : kind === 'disk-full' ? diskFullAdvice(host, text) : null) ??
      nextByCode[kind]?.(host) ??
      'run provision again; when it stays so, the journal lies in /var/lib/streamside/transactions on the host',
    host,
    ...(kind === 'overtaken' ? { exit: exitCodes.locked } : {}),
  })
}

/** The host's words begin with the unit, which is somebody else's where the app is a service (apply/units.sh). */
function unhealthyAdvice(app: string, text: string): string {
  const unit = /^(\S+)\.service is /.exec(text)?.[1] ?? app
  if (unit !== app && /database is locked/i.test(text))
    return (
      `Litestream has the database open, and a program that sets another journal mode at its start finds it locked: set WAL mode in the configuration of ` +
      `the service (vnstat: DatabaseWriteAheadLogging 1), then run provision again; one that has no such setting cannot be replicated; on the host: journalctl -u ${unit}`
    )
  const what = unit === app ? 'release' : 'service'
  return `mend the ${what} or its health check and run provision again; on the host: journalctl -u ${unit}`
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
