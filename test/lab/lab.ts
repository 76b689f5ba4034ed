import { rm } from 'node:fs/promises'
import path from 'node:path'
import { makeKeys, writeSshConfig } from './access.ts'
import { readAptSource } from './apt-source.ts'
import { baseTree, kindsOf } from './base-tree.ts'
import { cardOf, removeCard } from './card.ts'
import { instanceCgroup, killCgroup, removeCgroup } from './cgroup.ts'
import { fetchProgram, machineArchitecture, seaweedWheels } from './download.ts'
import { emulate, endEmulation } from './emulation.ts'
import { enterInstance, findInstance, instanceName, listInstances, strikeInstance, type Instance } from './instances.ts'
import { declareHost, listHosts, type HostSpec, type LabHost } from './lab-host.ts'
import { withLock } from './lock.ts'
import { removeLoopDisks } from './loop-disk.ts'
import { bringTools, requireRoot } from './machine.ts'
import { raiseNetwork, removeNetwork } from './network.ts'
import { unmountNspawnRun } from './nspawn-run.ts'
import { runFolder } from './paths.ts'
import { boot } from './power.ts'
import type { Ran } from './ran.ts'
import { releaseFolder, startReleases } from './release-folder.ts'
import { removeSockets, startS3 } from './s3.ts'

/** A lab that is up. */
export interface Lab {
  instance: Instance
  /** In the order in which they were asked for. */
  hosts: LabHost[]
}

/** Gets a line for each step that takes a while. */
export type Say = (line: string) => void

/** The three hosts that `up` boots unless told otherwise. */
export const defaultHosts: HostSpec[] = [
  { name: 'pi-attic' },
  { name: 'pi-cellar', suite: 'trixie' },
  { name: 'pi-shop' },
]

/** Changes to one instance follow each other; another instance is not kept waiting. */
const lockOf = (name: string): string => path.join(runFolder, `${name}.lock`)

/** Brings all that `up` needs onto this machine, once: programs, downloads, base trees (an emulated host's, `up` makes). */
export async function prepare(hosts: HostSpec[] = defaultHosts, options: { say?: Say } = {}): Promise<void> {
  const say = options.say ?? (() => {})
  await bringTools(say)
  const source = await readAptSource()
  const own = machineArchitecture()
  const native = hosts.filter((host) => (host.architecture ?? own) === own)
  const kinds = kindsOf(native.map((host) => ({ suite: host.suite ?? 'bookworm', architecture: own })))
  const trees = kinds.map((kind) => baseTree(kind, source, say))
  await Promise.all([fetchProgram(seaweedWheels[own], say), releaseFolder(say), ...trees])
}

/**
 * Brings up S3, the release folder and the hosts asked for; what is up already stays as it is, hosts asked for in addition
 * are added. Brings what the machine is missing first. `demo` marks a lab that nobody has asked to stay. Throws when not root.
 */
export async function up(
  hosts: HostSpec[] = defaultHosts,
  options: { instance?: string; say?: Say; demo?: Ran } = {},
): Promise<Lab> {
  const say = options.say ?? (() => {})
  const name = instanceName(options.instance)
  await bringTools(say)
  return withLock(lockOf(name), 900, async () => {
    const instance = await enterInstance(name, options.demo)
    await makeKeys(instance)
    const declared: LabHost[] = []
    for (const spec of hosts) declared.push(await declareHost(instance, spec))
    await writeSshConfig(instance)
    const source = await readAptSource()
    await raiseNetwork(instance, source)
    const kinds = kindsOf(declared)
    for (const kind of kinds) await emulate(kind, say)
    await Promise.all([
      startS3(instance, say),
      startReleases(instance, say),
      Promise.all(kinds.map((kind) => baseTree(kind, source, say))).then(() =>
        Promise.all(declared.map((host) => boot(host))),
      ),
    ])
    return { instance, hosts: declared }
  })
}

/**
 * Takes an instance down with all it has made: processes, mounts, network, cards, loop devices, bucket, records. Safe to run twice, after
 * a crash of any lab command, and after a reboot of the machine. Other instances stay as they are.
 * Answers false when there was nothing to take down.
 */
export async function down(options: { instance?: string } = {}): Promise<boolean> {
  requireRoot()
  const name = instanceName(options.instance)
  return withLock(lockOf(name), 900, async () => {
    const instance = await findInstance(name)
    if (instance === null) return false
    const cgroup = await instanceCgroup(instance)
    await killCgroup(cgroup)
    await removeCgroup(cgroup)
    for (const host of await listHosts(instance)) await removeCard(host, true)
    await removeLoopDisks(instance)
    await removeNetwork(instance)
    await removeSockets(instance)
    // rm -r would cross a mount into the shared base tree's overlay: only when none is left
    for (const folder of [instance.disks, instance.records, instance.access])
      await rm(folder, { recursive: true, force: true })
    await strikeInstance(name)
    await endEmulation()
    if ((await listInstances()).length === 0) await unmountNspawnRun()
    return true
  })
}

/** The lab as it is now, or null when it is not up. */
export async function findLab(instance?: string): Promise<Lab | null> {
  const found = await findInstance(instanceName(instance))
  return found === null ? null : { instance: found, hosts: await listHosts(found) }
}

/** The host of this name in a lab. Throws when it has none. */
export function hostOf(lab: Lab, name: string): LabHost {
  const host = lab.hosts.find((each) => each.name === name)
  if (host === undefined)
    throw new Error(`the lab has no host ${name}; it has ${lab.hosts.map((each) => each.name).join(', ')}`)
  return host
}

/** Folder of a host's root as seen from this machine, on or off. */
export const rootOf = (host: LabHost): string => cardOf(host).root
