import { connect } from 'node:net'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { readAptSource } from './apt-source.ts'
import { baseTree } from './base-tree.ts'
import { cardOf, insertCard, removeCard } from './card.ts'
import { cgroupCpuSeconds, cgroupPopulated, hostCgroup, killCgroup, removeCgroup } from './cgroup.ts'
import { daemonLog, daemonPid, startDaemon } from './daemon.ts'
import { emulate, isEmulated } from './emulation.ts'
import { leaderOf, runInHost } from './inside.ts'
import { changeHardware, type LabHost } from './lab-host.ts'
import { linkOf, plugIn } from './network.ts'
import { mountNspawnRun } from './nspawn-run.ts'
import { until } from './shell.ts'

const supervisor = path.join(import.meta.dirname, 'supervise.sh')
const daemonOf = (host: LabHost): string => `host-${host.name}`

/** True while the host's kernel side (its cgroup) has a process, booted or booting. */
export async function isOn(host: LabHost): Promise<boolean> {
  return cgroupPopulated(await hostCgroup(host.instance, host.name))
}

/** Switches the host on; with `ready` (default) waits until its sshd answers. Nothing to do when it is on. */
export async function boot(host: LabHost, options: { ready?: boolean } = {}): Promise<void> {
  const source = await readAptSource()
  await emulate(host, () => {})
  const base = await baseTree(host, source, () => {})
  const key = await readFile(path.join(host.instance.access, 'id_ed25519.pub'), 'utf8')
  await mountNspawnRun()
  await plugIn(host.instance, host)
  await insertCard(host, base, source, key)
  const hardware = path.join(host.instance.records, `${host.name}.hardware-id`)
  await writeFile(hardware, `${host.hardwareId}\n`)
  // nspawn: no registration with a machined (there may be none), the cgroup it was started in, our network, and nothing
  // of this machine's copied in (resolv.conf, time zone, journal).
  const nspawn = [
    'systemd-nspawn',
    '--quiet',
    '--register=no',
    '--keep-unit',
    `--network-namespace-path=/run/netns/${linkOf(host.instance, host).namespace}`,
    '--capability=CAP_NET_ADMIN',
    '--resolv-conf=off',
    '--timezone=off',
    '--link-journal=no',
    // in the tmpfs that nspawn puts on /run: it is there before the first unit starts and never on the card
    `--bind-ro=${hardware}:/run/streamside-lab/hardware-id`,
    `--directory=${cardOf(host).root}`,
    `--machine=${host.name}`,
    '--boot',
  ]
  const cgroup = await hostCgroup(host.instance, host.name)
  await startDaemon(host.instance, daemonOf(host), ['sh', supervisor, cgroup, ...nspawn], {
    // /tmp is on the card in Debian 12 and a tmpfs from 13 on, as the host itself decides; nspawn would make it one in both
    environment: { SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1', SYSTEMD_NSPAWN_TMPFS_TMP: '0' },
  })
  if (options.ready ?? true) await waitForSsh(host)
}

/** Waits until the host's sshd greets (seconds; under qemu it makes its keys for half a minute). Throws with the end of the console's log when it does not. */
export async function waitForSsh(host: LabHost, seconds = isEmulated(host.architecture) ? 240 : 60): Promise<void> {
  try {
    await until(`sshd of ${host.name} (${host.address}) to answer`, seconds, () => sshGreets(host.address), 40)
  } catch (error) {
    const log = await readFile(daemonLog(host.instance, daemonOf(host)), 'utf8').catch(() => '(no console log)')
    throw new Error(`${(error as Error).message}; the end of its console:\n${log.split('\n').slice(-15).join('\n')}`, {
      cause: error,
    })
  }
}

function sshGreets(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: 22, timeout: 1000 })
    const answer = (greeted: boolean) => {
      socket.destroy()
      resolve(greeted)
    }
    socket.once('data', (data) => answer(data.toString('latin1').startsWith('SSH-')))
    socket.once('error', () => answer(false))
    socket.once('timeout', () => answer(false))
    socket.once('close', () => answer(false))
  })
}

/** Pulls the plug: SIGKILL for all of the host at one stroke, from outside (see card.ts for what this cannot show). */
export async function cutPower(host: LabHost): Promise<void> {
  const cgroup = await hostCgroup(host.instance, host.name)
  await killCgroup(cgroup)
  await supervisorGone(host)
  await removeCgroup(cgroup)
}

/** An orderly shutdown, as `poweroff` typed on the host (limit in seconds). */
export async function powerOff(host: LabHost, seconds = 90): Promise<void> {
  await runInHost(host, ['systemctl', 'poweroff', '--no-block'])
  await until(`${host.name} to power off`, seconds, async () => !(await isOn(host)))
  await cutPower(host)
}

/** An orderly reboot; waits until sshd answers again. `seconds` is the limit for going down. */
export async function reboot(host: LabHost, seconds = 90): Promise<void> {
  const before = await leaderOf(host)
  await runInHost(host, ['systemctl', 'reboot', '--no-block'])
  await until(`${host.name} to go down for its reboot`, seconds, async () => {
    const now = await leaderOf(host)
    return now !== null && now !== before
  })
  await waitForSsh(host)
}

/**
 * The card has died and a freshly flashed one is in: new machine-id, new ssh host keys, nothing of the old data. The
 * machine around it is the same, unless `hardware` is `new`. The host comes up unless `boot` is false.
 */
export async function wipe(
  host: LabHost,
  options: { hardware?: 'same' | 'new'; boot?: boolean } = {},
): Promise<LabHost> {
  await cutPower(host)
  await removeCard(host, true)
  const next = options.hardware === 'new' ? await changeHardware(host) : host
  if (options.boot ?? true) await boot(next)
  return next
}

async function supervisorGone(host: LabHost): Promise<void> {
  await until(
    `the supervisor of ${host.name} to end`,
    10,
    async () => (await daemonPid(host.instance, daemonOf(host))) === null,
    10,
  )
}

/** CPU seconds the host has used since it was switched on, all of its processes together. */
export async function hostCpuSeconds(host: LabHost): Promise<number> {
  return cgroupCpuSeconds(await hostCgroup(host.instance, host.name))
}
