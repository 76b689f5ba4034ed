import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { withLock } from './lock.ts'
import { accessFolder, diskFolder, recordFolder, runFolder } from './paths.ts'
import { bootId, type Ran } from './ran.ts'

/** One lab on this machine. All of its names in the kernel derive from `number`, so that `down` finds them after a crash. */
export interface Instance {
  name: string
  /** 0 for the instance `lab`, else 1 to 200: the third byte of its subnet. */
  number: number
  /** Where its cards and its bucket are. */
  disks: string
  /** Where its records, sockets and logs are. */
  records: string
  /** Where the operator's side finds ssh_config, keys and known_hosts. */
  access: string
  /** The demo that brought it up and has not left it to a person: what is there when that demo is gone is its leftover. */
  demo?: Ran
}

interface Register {
  /** Kernel's boot id: after a reboot nothing in here has a process, mount or interface any more. */
  boot: string
  /** ip_forward as it was before the first instance came up. */
  ipForward: string
  instances: Record<string, Instance>
}

const registerFile = path.join(runFolder, 'machine.json')
const ipForwardFile = '/proc/sys/net/ipv4/ip_forward'

export const defaultInstance = 'lab'

/** The instance that commands mean when they name none. Throws when the name would not fit the names made from it. */
export function instanceName(name = process.env['STREAMSIDE_LAB'] ?? defaultInstance): string {
  if (!/^[a-z][a-z0-9-]{0,20}$/.test(name)) {
    throw new Error(
      `STREAMSIDE_LAB=${JSON.stringify(name)} is no name for a lab: small letters, digits and "-", at most 21`,
    )
  }
  return name
}

export const subnetOf = (instance: Instance): string => `10.83.${instance.number}.0/24`
/** The machine's own address in the lab's net: gateway, S3, releases. */
export const bridgeAddressOf = (instance: Instance): string => `10.83.${instance.number}.1`
/** Interface names have at most 15 characters, so they are made from the number. */
export const bridgeOf = (instance: Instance): string => `slb${instance.number}`

async function readRegister(): Promise<Register> {
  const boot = await bootId()
  const ipForward = (await readFile(ipForwardFile, 'utf8')).trim()
  if (!existsSync(registerFile)) return { boot, ipForward, instances: {} }
  const register = JSON.parse(await readFile(registerFile, 'utf8')) as Register
  // /run is not a tmpfs everywhere: instances from before a reboot keep their folders, but the sysctl is the machine's own again.
  return register.boot === boot ? register : { boot, ipForward, instances: register.instances }
}

async function changeRegister<T>(change: (register: Register) => T | Promise<T>): Promise<T> {
  await mkdir(runFolder, { recursive: true })
  return withLock(path.join(runFolder, 'lock'), 30, async () => {
    const register = await readRegister()
    const answer = await change(register)
    if (Object.keys(register.instances).length === 0) {
      if (existsSync(registerFile)) await writeFile(ipForwardFile, register.ipForward)
      await rm(registerFile, { force: true })
    } else {
      await writeFile(`${registerFile}.new`, JSON.stringify(register, null, 2))
      await rename(`${registerFile}.new`, registerFile)
    }
    return answer
  })
}

/**
 * Enters an instance into the machine's register (or finds it there) and switches IP forwarding on. `demo` is the demo that
 * it is for, written in the same stroke as the instance, so that no kill comes between; without one it is a person's.
 */
export async function enterInstance(name: string, demo?: Ran): Promise<Instance> {
  const instance = await changeRegister((register) => {
    const known = register.instances[name]
    if (known) {
      if (demo === undefined) delete known.demo
      return known
    }
    const taken = new Set(Object.values(register.instances).map((each) => each.number))
    const number =
      name === defaultInstance ? 0 : Array.from({ length: 200 }, (_, i) => i + 1).find((n) => !taken.has(n))
    if (number === undefined)
      throw new Error('200 labs are up on this machine; take one down first: STREAMSIDE_LAB=NAME scripts/lab down')
    const entered: Instance = {
      name,
      number,
      disks: diskFolder(name),
      records: recordFolder(name),
      access: accessFolder(name),
      ...(demo === undefined ? {} : { demo }),
    }
    register.instances[name] = entered
    return entered
  })
  for (const folder of [instance.disks, instance.records]) await mkdir(folder, { recursive: true })
  // 0700: the operator's key and the bucket's keys are in it
  await mkdir(instance.access, { recursive: true, mode: 0o700 })
  await writeFile(ipForwardFile, '1')
  return instance
}

/** The instance as it was entered, or null when there is none of this name. */
export async function findInstance(name: string): Promise<Instance | null> {
  return (await readRegister()).instances[name] ?? null
}

/** From now on the instance is a person's: no demo takes it down. */
export async function leaveInstance(name: string): Promise<void> {
  await changeRegister((register) => {
    delete register.instances[name]?.demo
  })
}

/** All instances of this machine. */
export async function listInstances(): Promise<Instance[]> {
  return Object.values((await readRegister()).instances)
}

/** Strikes an instance out; the last one puts ip_forward back. */
export async function strikeInstance(name: string): Promise<void> {
  await changeRegister((register) => {
    delete register.instances[name]
  })
}
