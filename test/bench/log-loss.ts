/**
 * What a power cut loses of the lines that a client tells a log server, 100 a second: of the server, for some seconds until it
 * boots again, and of the client, while the server is there, stopped, or out of reach. What has not arrived is counted once the client's queue is
 * empty. Printed a line a round.
 *
 *     node test/bench/log-loss.ts        two hosts of the lab are made, and taken down again; about 5 minutes
 */
import {
  boot,
  cutPower,
  down,
  hostOf,
  labInventory,
  runInHost,
  setCable,
  shellInHost,
  up,
  waitForSsh,
} from '../lab/index.ts'
import { streamside, until } from '../hosts/site.ts'

const instance = 'log-loss'
const lineEvery = 0.01
const lines = 1500

const lab = await up([{ name: 'loss-server' }, { name: 'loss-client' }], { instance })
try {
  const [server, client] = [hostOf(lab, 'loss-server'), hostOf(lab, 'loss-client')]
  for (const queue of ['durable', 'light']) {
    const inventory = await labInventory(lab, { apps: {}, logs: { servers: ['loss-server'], queue } })
    const run = await streamside(['provision', '--accept-new', '--inventory', inventory])
    if (run.code !== 0) throw new Error(`provision ended with ${run.code}: ${run.stderr}`)
    for (const secondsOff of [1, 10]) await serverCut(queue, secondsOff)
    for (const server of ['there', 'stopped', 'out of reach'] as const) await clientCut(queue, server)
  }

  async function serverCut(queue: string, secondsOff: number): Promise<void> {
    const mark = `${queue}-${secondsOff}`
    await arrives(`${mark} begin.`, 30)
    const told = tell(mark)
    await pause(4)
    // A machine without power closes no connection, and the lab's kernel would for it: nothing more may leave it.
    await setCable(lab.instance, server, 'down')
    await cutPower(server)
    await pause(secondsOff)
    await boot(server, { ready: false })
    await setCable(lab.instance, server, 'up')
    await waitForSsh(server)
    await told
    await arrives(`${mark} end.`, 120)
    const { lost, twice } = await count(mark, lines)
    console.log(`${queue}: server off for ${secondsOff} s: ${lost} of ${lines} lines lost, ${twice} twice`)
  }

  async function clientCut(queue: string, is: 'there' | 'stopped' | 'out of reach'): Promise<void> {
    const mark = `${queue}-client-${is.replaceAll(' ', '-')}`
    await arrives(`${mark} begin.`, 30)
    if (is === 'stopped') await runInHost(server, ['systemctl', 'stop', 'syslog.socket', 'rsyslog.service'])
    if (is === 'out of reach') await setCable(lab.instance, server, 'down')
    const told = tell(mark).catch(() => 'its power was cut')
    await pause(8)
    await cutPower(client)
    await told
    await boot(client)
    if (is === 'stopped') await runInHost(server, ['systemctl', 'start', 'rsyslog.service'])
    if (is === 'out of reach') await setCable(lab.instance, server, 'up')
    await arrives(`${mark} end.`, 120)
    const all = Number(await shellInHost(client, 'wc -l <"/var/tmp/$1"', [mark]))
    const { lost, twice } = await count(mark, all)
    console.log(`${queue}: client cut, server ${is}: ${lost} of ${all} lines lost, ${twice} twice`)
  }

  /** What it has told lies in a file of its own; the lab's page cache outlives the cut. */
  function tell(mark: string): Promise<string> {
    const script =
      'n=0; while [ "$n" -lt "$2" ]; do n=$((n + 1)); logger -t loss "$1 $n."; echo "$n" >>"/var/tmp/$1"; sleep "$3"; done'
    return shellInHost(client, script, [mark, String(lines), String(lineEvery)])
  }

  /** Said again each time: what was said before the connection was there may be among what is lost. */
  async function arrives(words: string, seconds: number): Promise<void> {
    await until(`"${words}" to arrive`, seconds, async () => {
      await runInHost(client, ['logger', words])
      const got = await shellInHost(server, 'grep -rlF "$1" /var/log/hosts/loss-client || :', [words])
      return got === '' ? null : true
    })
  }

  async function count(mark: string, all: number): Promise<{ lost: string; twice: string }> {
    const script = `grep -rhoE "$1 [0-9]+\\." /var/log/hosts | sort | uniq -c | awk -v all="$2" '{ n++; if ($1 > 1) twice++ } END { print all - n, twice + 0 }'`
    const [lost = '', twice = ''] = (await shellInHost(server, script, [mark, String(all)])).trim().split(' ')
    return { lost, twice }
  }
} finally {
  await down({ instance })
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000))
}
