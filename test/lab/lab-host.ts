import { existsSync } from 'node:fs'
import { readFile, readdir, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { suites, type Suite } from './apt-source.ts'
import { machineArchitecture, type MachineArchitecture } from './download.ts'
import type { Instance } from './instances.ts'
import { linkOf } from './network.ts'

/** How `pi` becomes root: without a password, with `sudoPassword`, or not at all. */
export type Sudo = 'free' | 'password' | 'none'

/** Password of the user `pi` on every host of the lab; sudo asks for it where the host was declared with `sudo: 'password'`. */
export const sudoPassword = 'raspberry lab "pass" $word'

/** What a caller asks for. */
export interface HostSpec {
  name: string
  /** Default `bookworm`. */
  suite?: Suite
  /** Default: this machine's. Another one is emulated, some ten times as slow. */
  architecture?: MachineArchitecture
  /** Default `free`. */
  sudo?: Sudo
}

/** A host of the lab, up or down. */
export interface LabHost {
  instance: Instance
  name: string
  suite: Suite
  architecture: MachineArchitecture
  sudo: Sudo
  /** Its place in the instance: address and MAC derive from it. */
  index: number
  /** IPv4 address. */
  address: string
  /** Stands for serial number and disk id of a real machine; a new card in the same machine keeps it. */
  hardwareId: string
}

type HostRecord = Omit<LabHost, 'instance' | 'address' | 'architecture'> & Partial<Pick<LabHost, 'architecture'>>

const recordOf = (instance: Instance, name: string): string => path.join(instance.records, `${name}.host.json`)

const architectures: readonly MachineArchitecture[] = ['amd64', 'arm64']

/** Checks a declaration (`NAME`, `NAME=SUITE` or `NAME=SUITE/ARCHITECTURE`) from the command line. */
export function parseHost(text: string): HostSpec {
  const [name = '', what = 'bookworm', ...rest] = text.split('=')
  const [release, processor = machineArchitecture(), ...more] = what.split('/')
  const suite = suites.find((each) => each === release)
  if (suite === undefined) throw new Error(`${text}: a lab host runs ${suites.join(' or ')}, not ${release}`)
  const architecture = architectures.find((each) => each === processor)
  if (architecture === undefined)
    throw new Error(`${text}: a lab host is ${architectures.join(' or ')}, not ${processor}`)
  if (rest.length + more.length > 0)
    throw new Error(`${text}: a lab host is declared as NAME, NAME=SUITE or NAME=SUITE/ARCHITECTURE`)
  return { name, suite, architecture }
}

/** Declares a host, or finds it as it was declared before. Throws when it is there with another suite, architecture or sudo. */
export async function declareHost(instance: Instance, spec: HostSpec): Promise<LabHost> {
  // it becomes a hostname, part of a namespace's name, and a folder
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(spec.name)) {
    throw new Error(
      `${JSON.stringify(spec.name)} is no host name for the lab: small letters, digits and "-", at most 31`,
    )
  }
  const hosts = await listHosts(instance)
  const known = hosts.find((each) => each.name === spec.name)
  if (known) {
    const keys = ['suite', 'architecture', 'sudo'] as const
    if (keys.some((key) => (spec[key] ?? known[key]) !== known[key])) {
      throw new Error(
        `${spec.name} is there already as ${known.suite}/${known.architecture}, sudo ${known.sudo}; take the lab down to change that`,
      )
    }
    return known
  }
  const taken = new Set(hosts.map((each) => each.index))
  const index = Array.from({ length: 200 }, (_, i) => i).find((each) => !taken.has(each))
  if (index === undefined) throw new Error(`the lab ${instance.name} has 200 hosts; that is all its subnet holds`)
  const record: HostRecord = {
    name: spec.name,
    suite: spec.suite ?? 'bookworm',
    architecture: spec.architecture ?? machineArchitecture(),
    sudo: spec.sudo ?? 'free',
    index,
    hardwareId: newHardwareId(),
  }
  await saveHost(instance, record)
  return withPlace(instance, record)
}

export const newHardwareId = (): string => `lab-${crypto.randomUUID()}`

/** Gives the host's hardware another identity from its next boot on (a card moved to another machine). */
export async function changeHardware(host: LabHost): Promise<LabHost> {
  const { instance, address: _, ...record } = host
  const changed = { ...record, hardwareId: newHardwareId() }
  await saveHost(instance, changed)
  return withPlace(instance, changed)
}

async function saveHost(instance: Instance, record: HostRecord): Promise<void> {
  const file = recordOf(instance, record.name)
  await writeFile(`${file}.new`, JSON.stringify(record))
  await rename(`${file}.new`, file)
}

function withPlace(instance: Instance, record: HostRecord): LabHost {
  // a lab that has been up since before hosts had one
  const architecture = record.architecture ?? machineArchitecture()
  return { ...record, architecture, instance, address: linkOf(instance, record).address }
}

/** The host of this name. Throws with the names there are when there is none. */
export async function findHost(instance: Instance, name: string): Promise<LabHost> {
  const file = recordOf(instance, name)
  if (!existsSync(file)) {
    const names = (await listHosts(instance)).map((each) => each.name)
    throw new Error(`the lab ${instance.name} has no host ${name}; it has ${names.join(', ') || 'none'}`)
  }
  return withPlace(instance, JSON.parse(await readFile(file, 'utf8')) as HostRecord)
}

/** All declared hosts, in the order of their addresses. */
export async function listHosts(instance: Instance): Promise<LabHost[]> {
  const files = existsSync(instance.records) ? await readdir(instance.records) : []
  const names = files.filter((file) => file.endsWith('.host.json')).map((file) => file.slice(0, -'.host.json'.length))
  const hosts = await Promise.all(
    names.map(async (name) =>
      withPlace(instance, JSON.parse(await readFile(recordOf(instance, name), 'utf8')) as HostRecord),
    ),
  )
  return hosts.sort((a, b) => a.index - b.index)
}
