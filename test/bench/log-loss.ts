/**
 * What a power cut of a log server loses: a client tells 100 numbered lines a second, the server's power is cut in the middle and
 * is back some seconds later, and what has not arrived is counted once the client's queue is empty. Printed a line a round.
 *
 *     node test/bench/log-loss.ts        two hosts of the lab are made, and taken down again; about 2 minutes
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
  for (const queue of ['durable', 'light'])
    for (const secondsOff of [1, 10]) {
      const inventory = await labInventory(lab, { apps: {}, logs: { servers: ['loss-server'], queue } })
      const run = await streamside(['provision', '--accept-new', '--inventory', inventory])
      if (run.code !== 0) throw new Error(`provision ended with ${run.code}: ${run.stderr}`)
      await until('the client to be connected', 30, async () => {
        await runInHost(client, ['logger', 'are you there'])
        const got = await shellInHost(server, 'grep -rlF "are you there" /var/log/hosts/loss-client || :')
        return got === '' ? null : true
      })
      const mark = `${queue}-${secondsOff}`
      const telling = shellInHost(
        client,
        'n=0; while [ "$n" -lt "$2" ]; do n=$((n + 1)); logger -t loss "$1 $n."; sleep "$3"; done',
        [mark, String(lines), String(lineEvery)],
      )
      await pause(4)
      // A machine without power closes no connection, and the lab's kernel would for it: nothing more may leave it.
      await setCable(lab.instance, server, 'down')
      await cutPower(server)
      await pause(secondsOff)
      await boot(server, { ready: false })
      await setCable(lab.instance, server, 'up')
      await waitForSsh(server)
      await telling
      await runInHost(client, ['logger', `${mark} end.`])
      await until('the queue to be sent', 120, async () => {
        const got = await shellInHost(server, 'grep -rlF "$1 end." /var/log/hosts || :', [mark])
        return got === '' ? null : true
      })
      const script = `grep -rhoE "$1 [0-9]+\\." /var/log/hosts | sort | uniq -c | awk -v all="$2" '{ n++; if ($1 > 1) twice++ } END { print all - n, twice + 0 }'`
      const [lost, twice] = (await shellInHost(server, script, [mark, String(lines)])).trim().split(' ')
      console.log(`${queue}: server off for ${secondsOff} s: ${lost} of ${lines} lines lost, ${twice} twice`)
    }
} finally {
  await down({ instance })
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000))
}
