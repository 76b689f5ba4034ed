/**
 * How long an app is out while it is restarted by streamside, beside `systemctl restart` and beside the same by hand in the same run, and
 * what a restart uploads. Out is what somebody sees who asks for /health every 20 ms on the host. Machines are noisy: compare ratios.
 *
 *     node test/bench/update.ts [MEGABYTES]…     default: 1 1000; one host of the lab is made, and taken down again
 */
import {
  down,
  hostOf,
  type Lab,
  type LabHost,
  readAccess,
  reboot,
  shellInHost,
  up,
  uploadedBytes,
  clearRequestLog,
} from '../lab/index.ts'
import { until } from '../hosts/site.ts'
import { filled, type Filled } from './filled.ts'

const instance = 'bench-update'
const name = 'bench-update'
const app = 'bench-notes'
const port = 8561

const sizes = process.argv.slice(2).map(Number)
if (sizes.some((each) => !Number.isInteger(each) || each < 1)) {
  process.stderr.write('usage: node test/bench/update.ts [MEGABYTES]…\n')
  process.exitCode = 2
} else {
  await down({ instance })
  try {
    process.stdout.write('database   restarted by                        out       beside      uploaded\n')
    const proved: number[] = []
    for (const megabytes of sizes.length === 0 ? [1, 1000] : sizes) proved.push(await measure(megabytes))
    const [small, big] = [proved[0] ?? Number.NaN, proved.at(-1) ?? Number.NaN]
    if (proved.length > 1) process.stdout.write(`prove, biggest / smallest: ${(big / small).toFixed(2)}\n`)
  } finally {
    await down({ instance })
  }
}

/** @returns seconds out with `prove` */
async function measure(megabytes: number): Promise<number> {
  const lab = await up([{ name }], { instance })
  const host = hostOf(lab, name)
  const site = await filled(lab, { host: name, app, port, names: ['main'], megabytes })
  const database = `${megabytes} MB`.padEnd(9)
  const line = (by: string, out: number, beside: string, bytes: number | null) =>
    process.stdout.write(
      `${database}  ${by.padEnd(32)} ${`${out.toFixed(2)} s`.padStart(8)}   ${beside.padEnd(10)}  ${bytes === null ? '' : `${bytes} B (${((100 * bytes) / (megabytes << 20)).toFixed(2)} %)`}\n`,
    )
  const plain = await average(3, () => outage(lab, host, () => shellInHost(host, `systemctl restart ${app}`)))
  line('systemctl restart', plain.seconds, '', plain.bytes)
  const rolled = async (mode: string) => {
    await site.rewrite({ restart: mode })
    await site.run(['provision', '--json'])
    return average(3, () => outage(lab, host, () => site.run(['restart', app, '--json'])))
  }
  const proved = await rolled('prove')
  line('streamside restart (prove)', proved.seconds, `+${(proved.seconds - plain.seconds).toFixed(2)} s`, proved.bytes)
  const restored = await rolled('restore')
  const hand = await byHand(lab, host, site)
  line('by hand: stop, restore, cmp, start', hand, '', null)
  line('streamside restart (restore)', restored.seconds, `x ${(restored.seconds / hand).toFixed(2)}`, restored.bytes)
  const rebooted = await outage(lab, host, () => reboot(host), false)
  line('a clean reboot', Number.NaN, '', rebooted.bytes)
  await down({ instance })
  return proved.seconds
}

interface Outage {
  seconds: number
  bytes: number
}

async function average(times: number, work: () => Promise<Outage>): Promise<Outage> {
  const all: Outage[] = []
  for (let n = 0; n < times; n += 1) all.push(await work())
  return {
    seconds: all.reduce((sum, { seconds }) => sum + seconds, 0) / times,
    bytes: Math.max(...all.map(({ bytes }) => bytes)),
  }
}

const watch = `
import sys, time, urllib.request, os
out, began, longest = None, time.monotonic(), 0
while os.path.exists('/run/watched') and time.monotonic() - began < 600:
    try:
        urllib.request.urlopen('http://127.0.0.1:' + sys.argv[1] + '/health', timeout=2).read()
        if out is not None: longest = max(longest, time.monotonic() - out)
        out = None
    except OSError:
        out = out or time.monotonic()
    time.sleep(0.02)
print(longest)
`

/** The longest time without an answer, and the bytes that go to the bucket meanwhile and in the ten seconds after it. */
async function outage(lab: Lab, host: LabHost, work: () => Promise<unknown>, watched = true): Promise<Outage> {
  await clearRequestLog(lab.instance)
  let seconds = Number.NaN
  if (watched) {
    await shellInHost(host, ': >/run/watched')
    const watching = shellInHost(host, 'python3 -c "$@"', [watch, String(port)], { deadlineSeconds: 620 })
    await new Promise((resolve) => setTimeout(resolve, 1000))
    try {
      await work()
      await answers(host)
    } finally {
      await new Promise((resolve) => setTimeout(resolve, 1000))
      await shellInHost(host, 'rm /run/watched')
      seconds = Number(await watching)
    }
  } else {
    await work()
    await answers(host)
  }
  await new Promise((resolve) => setTimeout(resolve, 10_000))
  return { seconds, bytes: await uploadedBytes(lab.instance) }
}

const answers = (host: LabHost) =>
  until('the app to answer', 120, async () =>
    (await shellInHost(host, `curl -fsS --max-time 2 http://127.0.0.1:${port}/health || :`)) === '' ? null : true,
  )

/** Stop, restore with a full check, compare, start, as one would type it. */
async function byHand(lab: Lab, host: LabHost, { prefix }: Filled): Promise<number> {
  const { s3 } = await readAccess(lab.instance)
  const { path } = JSON.parse(await shellInHost(host, `cat /var/lib/streamside/apps/${app}/claim`)) as { path: string }
  const live = `/var/lib/${app}/data/main.db`
  await shellInHost(host, 'umask 077; cat >/root/litestream.yml', [], {
    input:
      `access-key-id: ${s3.accessKeyId}\nsecret-access-key: ${s3.secretAccessKey}\ndbs:\n  - path: ${live}\n    replica:\n      type: s3\n` +
      `      endpoint: ${s3.endpoint}\n      region: ${s3.region}\n      bucket: ${s3.bucket}\n      path: ${prefix}/${path}/main\n      force-path-style: true\n`,
  })
  const script =
    `rm -f /root/restored; systemctl stop ${app} && $(ls /usr/local/lib/streamside/litestream-*/litestream) restore -config /root/litestream.yml -integrity-check full -o /root/restored ${live} >/dev/null 2>&1 && ` +
    `{ cmp -s ${live} /root/restored || :; } && systemctl start ${app}`
  const { seconds } = await average(3, () =>
    outage(lab, host, () => shellInHost(host, script, [], { deadlineSeconds: 600 })),
  )
  return seconds
}
