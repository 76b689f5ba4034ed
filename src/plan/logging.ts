import path from 'node:path'
import type { HostState } from '../desired/host-state.ts'
import { journaldFile } from '../desired/journal.ts'
import { includeAdvice } from '../host/advice.ts'
import type { Observed } from '../host/observed.ts'
import { Problem } from '../problem.ts'
import type { HostPlan } from './change.ts'

/**
 * Drop-ins of others that count after ours and say something else (journald.conf(5): by the names of the files, whatever folder
 * they lie in). They are a package's or somebody's, so they are told of and left.
 */
export function journaldOverridden(state: HostState, observed: Observed): HostPlan['warnings'] {
  const ours = state.resources.find((resource) => resource.kind === 'file' && resource.path === journaldFile)
  if (ours?.kind !== 'file' || observed.journald === null) return []
  const wanted = [...String(ours.content).matchAll(/^([A-Za-z]+)=(.*)$/gm)]
  return wanted.flatMap(([, key = '', value = '']) => {
    const effective = observed.journald?.get(key)
    if (!effective || effective.file === journaldFile || effective.value === value) return []
    if (path.basename(effective.file) < path.basename(journaldFile)) return []
    return [
      {
        code: 'journald-overridden',
        message: `the journal has ${key}=${effective.value} from ${effective.file}, and not ${key}=${value} as the inventory says`,
        next: `remove that line on ${state.host.name}, or let the file's name come before ${path.basename(journaldFile)}`,
      },
    ]
  })
}

/**
 * A configuration that somebody has made invalid since rsyslog was started, by a snippet of theirs: what runs goes on, until the next
 * start. When the plan changes something of rsyslog's, apply refuses by the same words (apply/logging.sh).
 */
export function rsyslogInvalid(state: HostState, observed: Observed): HostPlan['warnings'] {
  const { rsyslogComplaint } = observed
  if (rsyslogComplaint === undefined) return []
  return [
    {
      code: 'rsyslog-invalid',
      message: `rsyslog goes on with the configuration that it has, and will refuse the one in /etc/rsyslog.d when it starts again: ${rsyslogComplaint}`,
      next: `mend that on ${state.host.name}, then: systemctl restart rsyslog`,
    },
  ]
}

/**
 * A rsyslog.conf that includes none of our snippets, as one written by hand may: rsyslog finds all valid, and forwards nothing. Of a host
 * without rsyslog nothing is known yet: apply says it by the same code (apply/logging.sh).
 */
export function rsyslogNotIncluded(state: HostState, observed: Observed): Problem[] {
  const { name } = state.host
  if (observed.rsyslogUnread === undefined) return []
  return [
    new Problem({
      code: 'rsyslog-not-included',
      doing: `logging on ${name}`,
      found: `/etc/rsyslog.conf does not include ${observed.rsyslogUnread.join(' and ')}: rsyslog does nothing of what stands there, so log servers miss what happens on this host`,
      next: includeAdvice(name),
      host: name,
    }),
  ]
}
