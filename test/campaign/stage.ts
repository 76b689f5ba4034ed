import {
  boot,
  type CardImage,
  cutPower,
  deleteObjects,
  environmentOf,
  findInstance,
  getObject,
  hostOf,
  insertCardImage,
  type InventoryParts,
  isOn,
  keepCard,
  keepLoopDisk,
  killIfThere,
  type Lab,
  labInventory,
  type LabHost,
  listHosts,
  listObjects,
  type LoopDisk,
  makeLoopDisk,
  powerOff,
  putBackLoopDisk,
  putObject,
  setFaults,
  shellInHost,
  thawS3,
  up,
} from '../lab/index.ts'
import { diskLabel } from './disk.ts'
import { type Run, type RunOptions, streamside, until } from '../hosts/site.ts'

/** Below it lies all that a campaign has in the bucket. */
export const prefix = 'campaign'

/** All of the world at one moment: the cards of the hosts, the bucket, and the disk. */
export interface Moment {
  cards: Map<string, CardImage>
  objects: Map<string, Buffer>
  disk: string
}

/** Where cases are played: hosts of the lab that can be put back to an earlier moment, and the command line over them. */
export interface Stage {
  lab: Lab
  hosts: LabHost[]
  /** For replicas in a directory. Not plugged in, but where a job does so. */
  disk: LoopDisk
  /** Hosts that nothing has ever been done to. */
  bare: Moment
  /** Writes the inventory that commands work from. */
  write(parts: InventoryParts): Promise<void>
  run(args: string[], options?: RunOptions): Promise<StageRun>
  /** Switches the hosts off in order, and keeps what is there now. They stay off. */
  keep(name: string): Promise<Moment>
  /** Whatever is on: off with it, everything back to that moment, and on again. */
  backTo(moment: Moment): Promise<void>
}

/** A run that was bounded: `hung` when it was killed at its deadline. */
export interface StageRun extends Run {
  hung: boolean
}

/** Longer than any run takes that still gets somewhere: a transaction waits 60 s for a replica, a host is waited for 2 min. */
const runDeadlineMs = 300_000

/** The names of a campaign's hosts; jobs say which they use. */
export const hostNames = ['camp-one'] as const

/** Hosts of that lab that no campaign has made. Somebody is at work there, and a campaign begins with a lab taken down. */
export async function strangersIn(instance: string): Promise<string[]> {
  const found = await findInstance(instance)
  const names = found === null ? [] : (await listHosts(found)).map(({ name }) => name)
  return names.filter((name) => !hostNames.some((own) => own === name))
}

export async function openStage(instance: string, say: (line: string) => void): Promise<Stage> {
  const lab = await up(
    hostNames.map((name) => ({ name })),
    { instance, say },
  )
  const hosts = hostNames.map((name) => hostOf(lab, name))
  const environment = await environmentOf(lab.instance)
  const disk = await makeLoopDisk(lab.instance, diskLabel, 32)
  let inventory = ''
  const stage: Omit<Stage, 'bare'> = {
    lab,
    hosts,
    disk,
    write: async (parts) => {
      const names = Object.fromEntries(hosts.map(({ name }) => [name, {}]))
      inventory = await labInventory(lab, { hosts: names, ...parts, replica: { prefix, ...parts.replica } }, 'campaign')
    },
    run: (args, options) =>
      bounded([...args, '--inventory', inventory], {
        ...options,
        env: { ...process.env, ...environment, NO_COLOR: '1' },
      }),
    keep: async (name) => {
      for (const host of hosts) await powerOff(host)
      const cards = new Map<string, CardImage>()
      for (const host of hosts) cards.set(host.name, await keepCard(host, name))
      const objects = new Map<string, Buffer>()
      for (const { key } of await listObjects(lab.instance, `${prefix}/`)) {
        const body = await getObject(lab.instance, key)
        if (body !== null) objects.set(key, body)
      }
      return { cards, objects, disk: await keepLoopDisk(disk, name) }
    },
    backTo: async (moment) => {
      for (const host of hosts) if (await isOn(host)) await cutPower(host)
      await thawS3(lab.instance)
      await setFaults(lab.instance, [])
      await deleteObjects(lab.instance, `${prefix}/`)
      for (const [key, body] of moment.objects) await putObject(lab.instance, key, body)
      await putBackLoopDisk(disk, moment.disk)
      for (const host of hosts) {
        const card = moment.cards.get(host.name)
        if (card === undefined) throw new Error(`no card of ${host.name} was kept`)
        await insertCardImage(host, card)
        await boot(host)
      }
    },
  }
  return { ...stage, bare: await stage.keep('bare') }
}

async function bounded(args: string[], options: RunOptions): Promise<StageRun> {
  let timer: NodeJS.Timeout | undefined
  let hung = false
  const run = await streamside(args, {
    ...options,
    onStart: (pid) => {
      timer = setTimeout(() => {
        hung = true
        killIfThere(pid)
      }, runDeadlineMs)
      options.onStart?.(pid)
    },
  })
  clearTimeout(timer)
  return { ...run, hung }
}

/** A host of the campaign by its name. */
export function hostNamed(stage: Stage, name: string): LabHost {
  return hostOf({ ...stage.lab, hosts: stage.hosts }, name)
}

/** Waits until these units of a host are up: what a job begins from is a host at rest. */
export async function unitsUp(host: LabHost, units: readonly string[], seconds = 60): Promise<void> {
  if (units.length === 0) return
  await until(`${units.join(', ')} on ${host.name} to be up`, seconds, async () => {
    const states = await shellInHost(host, 'systemctl is-active -- "$@" || :', [...units])
    return (
      states
        .trim()
        .split('\n')
        .every((state) => state === 'active') || null
    )
  })
}
