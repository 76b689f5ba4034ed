import type { Folder } from './card.ts'
import { cutPower } from './disk.ts'
import type { Host, World } from './world.ts'

/** Every process of a host ends at this moment, whatever it was at. */
export function stopEverything(host: Host): void {
  for (const task of host.tasks) task.run.gone = true
  Object.assign(host, {
    tasks: [],
    lock: null,
    app: 'down',
    litestream: 'down',
    litestreamWanted: false,
    daemon: null,
    held: null,
    transaction: null,
    running: false,
    once: false,
    since: {},
    reason: null,
    proofHeld: false,
  })
}

/** The plug is pulled. Ephemeral storage is gone, and so is the part of a WAL that was not synced. */
export function losePower(world: World, host: Host): void {
  stopEverything(host)
  host.up = false
  if (!host.card) return
  const folders: Pick<Folder, 'files'>[] = [host.card, ...Object.values(host.card.others)]
  for (const folder of folders) {
    if (world.ephemeral) folder.files = {}
    for (const files of Object.values(folder.files)) cutPower(files, world.random)
  }
}
