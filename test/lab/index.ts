/**
 * The lab, for tests, benchmarks and the demo: real Debian hosts and a real S3 server on this machine. Needs root.
 *
 *     const lab = await up([{ name: 'one' }, { name: 'two', suite: 'trixie', sudo: 'password' }], { instance: 'mine' })
 *     const one = hostOf(lab, 'one')
 *     await cutPower(one); await boot(one)
 *     await setFaults(lab.instance, [{ method: 'PUT', path: '/owner\\.json', count: 1, do: { kind: 'drop-answer' } }])
 *     await down({ instance: 'mine' })
 *
 * Lab        prepare (downloads and base trees only) · up · down · findLab · hostOf
 * Power      boot · cutPower · powerOff · reboot · wipe (a new card) · isOn · waitForSsh · setCable (network cable) · cutSessions
 * Inside     runInHost · shellInHost (root, without ssh; in the card's tree while the host is off) · putFile ·
 *            takeImage / putImage (files as they were, to be put back later) · rootOf · hostCpuSeconds
 * Cards      keepCard · insertCardImage (the whole card as it was, of a host that is off; costs next to nothing)
 * Disks      makeLoopDisk · keepLoopDisk · putBackLoopDisk · removeLoopDisk (a disk of this machine in a file; all that are left go with `down`)
 * S3         stopS3 · startS3 · freezeS3 · thawS3 · listObjects · getObject · putObject · deleteObjects · s3Client
 * Faults     setFaults · getFaults · requestLog · clearRequestLog · uploadedBytes
 * Operator   readAccess (ssh_config, key, endpoint, keys) · environmentOf · labInventory (an inventory for any instance)
 *
 * A host's sudo: `free` (default), `password` (`sudoPassword`), `none`. Its architecture: the machine's, or `arm64` (emulation.ts).
 */
export { environmentOf, readAccess, type Access } from './access.ts'
export { suites, type Suite } from './apt-source.ts'
export { insertCardImage, keepCard, type CardImage } from './card-image.ts'
export { litestreamVersion } from './download.ts'
export { clearRequestLog, getFaults, requestLog, setFaults, uploadedBytes } from './fault-control.ts'
export type { Fault, FaultAction, RequestRecord } from './faults.ts'
export {
  leaderOf,
  putFile,
  putImage,
  runInHost,
  shellInHost,
  takeImage,
  type InsideOptions,
  type InsideResult,
} from './inside.ts'
export { bridgeAddressOf, findInstance, type Instance } from './instances.ts'
export { demoInventory, labInventory, type InventoryParts } from './inventory.ts'
export { defaultHosts, down, findLab, hostOf, prepare, rootOf, up, type Lab } from './lab.ts'
export { findHost, listHosts, sudoPassword, type HostSpec, type LabHost, type Sudo } from './lab-host.ts'
export { keepLoopDisk, makeLoopDisk, putBackLoopDisk, removeLoopDisk, type LoopDisk } from './loop-disk.ts'
export { linkOf, ports, setCable } from './network.ts'
export { deleteObjects, getObject, listObjects, putObject, s3Client, type ObjectEntry } from './objects.ts'
export { boot, cutPower, hostCpuSeconds, isOn, powerOff, reboot, waitForSsh, wipe } from './power.ts'
export { freezeS3, s3Runs, startS3, stopS3, thawS3 } from './s3.ts'
export { cutSessions, killIfThere } from './sessions.ts'
