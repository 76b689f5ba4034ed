/**
 * `streamside restore` of a blank host, beside the same by hand on another blank card in the same run: apt-get install of the same
 * packages, and `litestream restore` with a full check of each database, as many at a time as there are cores. Machines are noisy:
 * compare the ratio. The host's memory is what its processes hold at most, read every 100 ms.
 *
 *     node test/bench/restore.ts [MEGABYTES DATABASES]…     default: 100 1 50 10; one host of the lab is made, and taken down again
 */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { hostCgroup } from '../lab/cgroup.ts'
import {
  deleteObjects,
  down,
  getObject,
  hostOf,
  type Lab,
  type LabHost,
  readAccess,
  shellInHost,
  up,
  waitForSsh,
  wipe,
} from '../lab/index.ts'
import { eventsOf } from '../hosts/site.ts'
import { filled } from './filled.ts'

const instance = 'bench-restore'
const name = 'bench-card'
const app = 'bench-notes'
const packages = ['curl', 'jq', 'sqlite3', 'ca-certificates', 'python3']
const execute = promisify(execFile)

const given = process.argv.slice(2).map(Number)
const pairs = given.length === 0 ? [100, 1, 50, 10] : given
if (pairs.length % 2 !== 0 || pairs.some((each) => !Number.isInteger(each) || each < 1)) {
  process.stderr.write('usage: node test/bench/restore.ts [MEGABYTES DATABASES]…\n')
  process.exitCode = 2
} else {
  await down({ instance })
  try {
    process.stdout.write('databases        restore   to healthy   by hand   restore / by hand   memory   by hand\n')
    for (let n = 0; n < pairs.length; n += 2) await measure(pairs[n] ?? 0, pairs[n + 1] ?? 0)
  } finally {
    await down({ instance })
  }
}

async function measure(megabytes: number, count: number): Promise<void> {
  const lab = await up([{ name }], { instance })
  const names = Array.from({ length: count }, (_, index) => `db${index}`)
  const { run, prefix } = await filled(lab, { host: name, app, port: 8551, names, megabytes })
  const prepared = hostOf(lab, name)
  const litestream = await shellInHost(prepared, 'base64 -w0 /usr/local/lib/streamside/litestream-*/litestream')
  await run(['status', '--json'])
  const owner = JSON.parse((await getObject(lab.instance, `${prefix}/owner.json`))?.toString() ?? '') as {
    path: string
  }
  // Else the gate gives the machine that wrote it four minutes to show itself.
  await deleteObjects(lab.instance, `${prefix}/${owner.path}/tip.json`)

  const byHand = await blank(lab)
  const hand = await watched(byHand, () =>
    restoredByHand(lab, byHand, { names, litestream, prefix: `${prefix}/${owner.path}` }),
  )
  const host = await blank(lab)
  let healthy = Number.NaN
  const ours = await watched(host, async () => {
    const done = await run(['restore', name, '--yes', '--json', '--host-key', await fingerprint(host)])
    healthy =
      (eventsOf(done, 'restored')[0] as { secondsToHealthy?: number } | undefined)?.secondsToHealthy ?? Number.NaN
  })
  process.stdout.write(
    `${`${count} of ${megabytes} MB`.padEnd(16)} ${seconds(ours.seconds)}   ${seconds(healthy).padStart(10)}   ${seconds(hand.seconds)}` +
      `   ${(ours.seconds / hand.seconds).toFixed(2).padStart(17)}   ${memory(ours.bytes)}   ${memory(hand.bytes)}\n`,
  )
  await down({ instance })
}

async function blank(lab: Lab): Promise<LabHost> {
  const host = await wipe(hostOf(lab, name))
  await waitForSsh(host)
  return host
}

async function fingerprint(host: LabHost): Promise<string> {
  return (await shellInHost(host, 'ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub')).split(' ')[1] ?? ''
}

async function restoredByHand(
  lab: Lab,
  host: LabHost,
  { names, litestream, prefix }: { names: string[]; litestream: string; prefix: string },
): Promise<void> {
  const { s3, identity, sshConfig } = await readAccess(lab.instance)
  const config = names.map(
    (db) =>
      `  - path: /var/lib/${app}/data/${db}.db\n    replica:\n      type: s3\n      endpoint: ${s3.endpoint}\n      region: ${s3.region}\n` +
      `      bucket: ${s3.bucket}\n      path: ${prefix}/${db}\n      force-path-style: true\n`,
  )
  await shellInHost(host, 'base64 -d >/root/litestream && chmod 755 /root/litestream', [], { input: litestream })
  await shellInHost(host, 'cat >/root/litestream.yml', [], {
    input: `access-key-id: ${s3.accessKeyId}\nsecret-access-key: ${s3.secretAccessKey}\ndbs:\n${config.join('')}`,
  })
  const script =
    `sudo sh -c 'apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends ${packages.join(' ')} >/dev/null && ` +
    `mkdir -p /var/lib/${app}/data && printf "%s\\n" ${names.join(' ')} | ` +
    `xargs -P "$(nproc)" -I@ /root/litestream restore -config /root/litestream.yml -integrity-check full -o /var/lib/${app}/data/@.db /var/lib/${app}/data/@.db'`
  await execute('ssh', [
    '-F',
    sshConfig,
    '-i',
    identity,
    '-o',
    'StrictHostKeyChecking=no',
    '-o',
    'UserKnownHostsFile=/dev/null',
    name,
    script,
  ])
}

/** How long it takes, and what the processes of the host hold at most meanwhile, of their own (RssAnon). */
async function watched(host: LabHost, work: () => Promise<void>): Promise<{ seconds: number; bytes: number }> {
  const folder = await hostCgroup(host.instance, host.name)
  const before = heldBelow(folder)
  let most = before
  const timer = setInterval(() => (most = Math.max(most, heldBelow(folder))), 100)
  const began = performance.now()
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  return { seconds: (performance.now() - began) / 1000, bytes: most - before }
}

/** Not memory.stat: on a machine whose controllers are those of cgroup v1 there is none here. */
function heldBelow(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
    if (entry.name === 'cgroup.procs')
      for (const pid of textOf(path.join(entry.parentPath, entry.name)).split('\n').filter(Boolean))
        bytes += 1024 * Number(/^RssAnon:\s+(\d+) kB$/m.exec(textOf(`/proc/${pid}/status`))?.[1] ?? 0)
  return bytes
}

/** Processes and their groups go while one looks. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function seconds(value: number): string {
  return `${value.toFixed(1)} s`.padStart(7)
}

function memory(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MB`.padStart(7)
}
