import { type LabHost, shellInHost } from '../lab/index.ts'
import { mainPid } from './host-state.ts'
import { eventsOf, notesApp, type Run, type Site, site, writeRow } from './site.ts'

export const port = 8191

/** One app, `rolling`, on three hosts. */
export interface Rolled {
  lab: Site
  names: string[]
  hosts: LabHost[]
  apps: (more?: Record<string, unknown>) => { rolling: Record<string, unknown> }
  /** Changes what the app is started from, so that it has to restart everywhere; says what its page says from then on. */
  change: (more?: Record<string, unknown>) => Promise<string>
  pids: () => Promise<string[]>
}

/** The site `name`, provisioned, with one row on each host: of HOST. */
export async function rolled(name: string, prefix: string): Promise<Rolled> {
  const names = ['one', 'two', 'three'].map((nth) => `${prefix}-${nth}`)
  const apps = (more: Record<string, unknown> = {}) => ({
    rolling: notesApp('', port, { host: undefined, hosts: names, ...more }),
  })
  const lab = await site(
    name,
    names.map((host) => ({ name: host })),
    { apps: apps() },
  )
  const hosts = names.map((host) => lab.host(host))
  await lab.provision()
  for (const host of hosts) await writeRow(host, port, `of ${host.name}`)
  let turn = 0
  const change = async (more: Record<string, unknown> = {}) => {
    turn += 1
    const says = `turn ${turn}`
    await lab.rewrite({ apps: apps({ environment: { DATABASE: 'data/notes.db', GREETING: says }, ...more }) })
    return says
  }
  const pids = () => Promise.all(hosts.map((host) => mainPid(host, 'rolling.service')))
  return { lab, names, hosts, apps, change, pids }
}

export const outcomes = (run: Run) =>
  Object.fromEntries(eventsOf(run, 'host-done').map((event) => [event['host'], event['outcome']]))

export const page = (host: LabHost) => shellInHost(host, 'curl -fsS "http://127.0.0.1:$1/"', [String(port)])
