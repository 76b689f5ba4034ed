import type { Owner } from '../../src/replica/owner.ts'
import { type LabHost, shellInHost } from '../lab/index.ts'
import { type Gated, journalOf } from './gated.ts'
import { eventsOf, type Site, until } from './site.ts'

/** What a run of the timer's program finds: whether the replica holds everything. The timer itself takes two minutes. */
export async function looked({ host, name }: Gated): Promise<boolean> {
  const before = Number(await shellInHost(host, 'date +%s'))
  await shellInHost(host, 'systemctl reset-failed "$1-check.service"; systemctl start "$1-check.service"', [name])
  const text = await shellInHost(host, 'cat "/run/streamside/proof/$1" 2>/dev/null || :', [name])
  const proof = text === '' ? null : (JSON.parse(text) as { held: boolean; time: number })
  return proof?.held === true && proof.time >= before
}

/** Waits until the replica is proven to hold everything. */
export async function proven(app: Gated): Promise<void> {
  await until(`the replica to hold all of ${app.name}`, 60, async () => ((await looked(app)) ? true : null)).catch(
    async (error: unknown) => {
      throw new Error(`${String(error)}\n${await journalOf(app)}`)
    },
  )
}

/** Owner, mode and content of the directory below what is mounted: as a mount of the file system that it is a folder of shows it. */
export function below(host: LabHost, root: string): Promise<string> {
  return shellInHost(
    host,
    'unshare --mount sh -c \'mkdir -p /tmp/below && mount --bind / /tmp/below && cd "/tmp/below$1" && stat -c "%U %a" . && find . -mindepth 1\' sh "$1"; rmdir /tmp/below',
    [root],
  )
}

const newest = 'n=$(ls "$1" | sed -n "s/^owner\\.\\([0-9]*\\).json/\\1/p" | sort -n | tail -n 1)'

/** The newest owner object in an app's folder. */
export async function ownerIn(host: LabHost, folder: string): Promise<Owner> {
  return JSON.parse(await shellInHost(host, `${newest}; cat "$1/owner.$n.json"`, [folder])) as Owner
}

/** Codes of all that `status` finds wrong with a host. */
export async function wrongs(site: Site, host: string): Promise<string[]> {
  const status = await site.run(['status', '--json', '--limit', host])
  const [answer] = eventsOf(status, 'host-status')
  return (JSON.stringify(answer).match(/"code":"[a-z-]+"/g) ?? []).map((each) => each.slice(8, -1))
}
