import type { HostStatus } from '../../src/status/status.ts'
import { eventsOf } from '../hosts/site.ts'
import { getObject, type LabHost, listObjects, shellInHost } from '../lab/index.ts'
import type { Bucket, FilesSeen } from './invariants.ts'
import { hostNames, hostNamed, prefix, type Stage, type StageRun } from './stage.ts'
import { diskRoot } from './disk.ts'

/**
 * One answer about all places that streamside writes to. `signatures` is left out: it records change times, which differ from
 * run to run; that it is whole shows in the next plan. A file that is renamed away while we look is not looked at: `find`
 * and sha256sum may see different ones.
 */
const script = `
roots='/etc/streamside /etc/systemd/system /opt /usr/local/lib/streamside /var/lib/streamside/manifest'
find $roots -xdev -name '.streamside-[0-9]*' -prune -o ! -type d -printf '%y\\t%m %U:%G\\t%l\\t%p\\n' 2>/dev/null
echo sums
find $roots -xdev -name '.streamside-[0-9]*' -prune -o -type f -exec sha256sum -- {} + 2>/dev/null
echo temporary
find / -xdev -path /proc -prune -o -name '.streamside-*' ! -name '.streamside-aside' -prune -print 2>/dev/null
echo staged
cut -f1 /var/lib/streamside/transactions/*/staged 2>/dev/null
echo working
find /var/lib/streamside -maxdepth 3 \\( -name payload -o -name '*.new' \\) -print 2>/dev/null
find /opt -maxdepth 3 -name '*.damaged-*' -print 2>/dev/null
:`

/** What lies on a host, on or off. */
export async function lookAtFiles(host: LabHost): Promise<FilesSeen> {
  const parts = (await shellInHost(host, script)).split(/^(?:sums|temporary|staged|working)\n/m)
  const [list = [], sums = [], temporary = [], staged = [], working = []] = parts.map((part) =>
    part.split('\n').filter(Boolean),
  )
  const digests = new Map(sums.map((line) => [line.slice(66), line.slice(0, 64)]))
  const files = new Map<string, string>()
  for (const line of list) {
    const [kind = '', rights = '', target = '', path = ''] = line.split('\t')
    if (kind === 'l') files.set(path, `a link to ${target}`)
    else if (kind !== 'f') files.set(path, `of kind ${kind}`)
    else if (digests.has(path)) files.set(path, `${rights} ${digests.get(path)}`)
  }
  return { files, temporary, staged, working }
}

/** What `status` says of a host; null when it says nothing. */
export async function lookAtStatus(stage: Stage, host: string): Promise<{ status: HostStatus | null; run: StageRun }> {
  const run = await stage.run(['status', '--json'])
  const said = eventsOf(run, 'host-status').find((event) => event['host'] === host)
  return { status: (said?.['status'] as HostStatus | undefined) ?? null, run }
}

/** What the bucket holds of an app. */
export async function lookAtBucket(stage: Stage, app: string): Promise<Bucket> {
  const keys = (await listObjects(stage.lab.instance, `${prefix}/${app}/`)).map(({ key }) => key)
  const body = await getObject(stage.lab.instance, `${prefix}/${app}/owner.json`)
  return { keys, owner: body === null ? null : (JSON.parse(body.toString()) as Bucket['owner']) }
}

/** What the disk holds of an app, as the host sees it that has the disk: the newest owner object is the truth. */
export async function lookAtDisk(stage: Stage, app: string): Promise<Bucket> {
  const host = hostNamed(stage, hostNames[0])
  const folder = `${diskRoot}/${prefix}/${app}`
  const keys = (await shellInHost(host, 'find "$1" -type f -printf "%P\\n" 2>/dev/null || :', [folder]))
    .trim()
    .split('\n')
  const owner = await shellInHost(
    host,
    'n=$(ls "$1" 2>/dev/null | sed -n "s/^owner[.]\\([0-9]*\\)[.]json$/\\1/p" | sort -n | tail -n 1); [ -z "$n" ] || cat "$1/owner.$n.json"',
    [folder],
  )
  return {
    keys: keys.map((key) => `${prefix}/${app}/${key}`),
    owner: owner === '' ? null : (JSON.parse(owner) as Bucket['owner']),
  }
}
