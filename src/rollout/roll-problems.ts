import { exitCodes, Problem } from '../problem.ts'

/**
 * What stood in the way of a restart that proves an app's data (apply/roll.sh).
 * @param kind code of the transaction's journal; null for one that is about something else
 */
export function rollProblem(host: string, app: string, kind: string, text: string): Problem | null {
  const of = { host, app }
  switch (kind) {
    case 'not-sound':
      return new Problem({
        ...of,
        code: 'not-sound',
        doing: `proving the replica of ${app} before its restart on ${host}`,
        found: `${text}. Nothing was stopped, and nothing was changed`,
        next: `see streamside status --limit ${app}; when its replica holds everything again, run this again`,
        exit: exitCodes.unsound,
      })
    case 'not-proven-stopped':
      return new Problem({
        ...of,
        code: 'not-proven-stopped',
        doing: `stopping ${app} on ${host}`,
        found: `the replica did not take its last writes: ${text}. It was started again as it was, nothing was changed`,
        next: `see streamside status --limit ${app}; when its replica holds everything again, run this again`,
        exit: exitCodes.unsound,
      })
    case 'not-the-same':
      return new Problem({
        ...of,
        code: 'not-the-same',
        doing: `comparing the databases of ${app} on ${host} with what the replica gives back`,
        found: `${text}. It was started again as it was, nothing was changed`,
        next: `look at both with sqlite3, as copies; streamside status --limit ${app} says more, and with restart: prove it is not compared`,
        exit: exitCodes.unsound,
      })
    case 'release-put-back':
      return new Problem({
        ...of,
        code: 'release-put-back',
        doing: `updating ${app} on ${host}`,
        found: text,
        next: `mend the release or its health check, then run update again; on the host: journalctl -u ${app}`,
        exit: exitCodes.putBack,
      })
    case 'release-put-back-down':
      return new Problem({
        ...of,
        code: 'release-put-back-down',
        doing: `updating ${app} on ${host}`,
        found: text,
        next:
          `what stands above says why it is not up; on the host: journalctl -u ${app}. Only if the new release has changed the ` +
          `schema of the data: streamside restore ${host} --app ${app} --at TIME goes back to before the update`,
        exit: exitCodes.putBack,
      })
    default:
      return null
  }
}
