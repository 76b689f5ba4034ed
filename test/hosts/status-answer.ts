import type { AppStatus, HostStatus, Wrong } from '../../src/status/status.ts'
import { eventsOf, type Run, type Site, until } from './site.ts'

/** What `status --json` answered: each host's status beside the events. */
export interface Status extends Run {
  hosts: Map<string, HostStatus>
}

export async function statusOf(lab: Site, ...args: string[]): Promise<Status> {
  const run = await lab.run(['status', '--json', ...args])
  const found = eventsOf(run, 'host-status').map((event) => event['status'] as HostStatus)
  return { ...run, hosts: new Map(found.map((each) => [each.host, each])) }
}

export function appOf(answer: Status, name: string, host: string): AppStatus {
  const found = answer.hosts.get(host)?.apps.find((each) => each.app === name)
  if (found === undefined) throw new Error(`status said nothing of ${name}:\n${said(answer)}`)
  return found
}

export const codes = (wrong: Wrong[]): string[] => wrong.map(({ code }) => code)

/** For the message of an `expect`. */
export const said = (answer: Run): string => `${answer.stdout}\n${answer.stderr}`

/** Waits until nothing is wrong any more, so that what one test did is not seen by the next. */
export async function allWell(lab: Site): Promise<void> {
  let last = ''
  await until('status to find nothing wrong', 120, async () => {
    const answer = await lab.run(['status'])
    last = said(answer)
    return answer.code === 0 ? true : null
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}; it said\n${last}`)
  })
}
