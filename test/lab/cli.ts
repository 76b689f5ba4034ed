import { spawn } from 'node:child_process'
import { environmentOf, readAccess } from './access.ts'
import { clearRequestLog, getFaults, requestLog, setFaults } from './fault-control.ts'
import { checkFaults } from './faults.ts'
import { bridgeAddressOf, findInstance, instanceName, listInstances, type Instance } from './instances.ts'
import { defaultHosts, down, up } from './lab.ts'
import { findHost, listHosts, parseHost } from './lab-host.ts'
import { bringTools, requireRoot } from './machine.ts'
import { boot, cutPower, isOn, powerOff, reboot, wipe } from './power.ts'
import { freezeS3, s3Runs, startS3, stopS3, thawS3 } from './s3.ts'
import { asksForHelp, s3Words, unknownCommand, usage } from './usage.ts'

type Command = (args: string[]) => Promise<number>

const started = performance.now()
const say = (line: string): void =>
  console.error(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}`)

async function theInstance(): Promise<Instance> {
  requireRoot()
  const name = instanceName()
  const instance = await findInstance(name)
  if (instance === null) throw new Error(`the lab ${name} is not up; scripts/lab up`)
  return instance
}

const commands: Record<string, Command> = {
  async up(args) {
    const lab = await up(args.length > 0 ? args.map(parseHost) : defaultHosts, { say })
    for (const host of lab.hosts) say(`${host.name}  ${host.suite}/${host.architecture}  ${host.address}  ssh answers`)
    const access = await readAccess(lab.instance)
    say(`S3 at ${access.s3.endpoint}, bucket ${access.s3.bucket}; releases at ${access.releases}`)
    return 0
  },
  async down(args) {
    refuseArguments('down', args)
    const took = await down()
    say(took ? `the lab ${instanceName()} is down` : `the lab ${instanceName()} was not up`)
    return 0
  },
  async status(args) {
    refuseArguments('status', args)
    requireRoot()
    const instances = await listInstances()
    if (instances.length === 0) console.log('no lab is up')
    for (const instance of instances) {
      console.log(
        `${instance.name}  ${bridgeAddressOf(instance)}  S3 ${(await s3Runs(instance)) ? 'running' : 'stopped'}`,
      )
      for (const host of await listHosts(instance)) {
        const system = `${host.suite}/${host.architecture}`
        console.log(`  ${host.name}  ${system}  ${host.address}  ${(await isOn(host)) ? 'on' : 'off'}`)
      }
    }
    return 0
  },
  async ssh([name = '', ...command]) {
    const host = await findHost(await theInstance(), name)
    const { sshConfig } = await readAccess(host.instance)
    // its own key file: hosts are wiped here all the time, and the product's known_hosts must not learn from it
    const trust = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR']
    const child = spawn('ssh', ['-F', sshConfig, ...trust, host.name, '--', ...command], { stdio: 'inherit' })
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => resolve(code ?? 255))
    })
  },
  async wipe([name = '', option]) {
    await wipe(await findHost(await theInstance(), name), { hardware: option === '--new-hardware' ? 'new' : 'same' })
    say(`${name} has booted from an empty card`)
    return 0
  },
  async 'power-cut'([name = '', option]) {
    const host = await findHost(await theInstance(), name)
    await cutPower(host)
    if (option !== '--off') await boot(host)
    say(`${name} has lost its power${option === '--off' ? '' : ' and booted again'}`)
    return 0
  },
  async 'power-off'([name = '']) {
    await powerOff(await findHost(await theInstance(), name))
    say(`${name} is off`)
    return 0
  },
  async reboot([name = '']) {
    await reboot(await findHost(await theInstance(), name))
    say(`${name} has rebooted`)
    return 0
  },
  async boot([name = '']) {
    await bringTools(say)
    await boot(await findHost(await theInstance(), name))
    say(`${name} is on`)
    return 0
  },
  async s3([what = '', argument]) {
    if (!s3Words.includes(what) && what !== 'fault') return misused(`s3 ${what}`)
    const instance = await theInstance()
    if (what === 'stop') await stopS3(instance)
    else if (what === 'start') await startS3(instance, say)
    else if (what === 'freeze') await freezeS3(instance)
    else if (what === 'thaw') await thawS3(instance)
    else if (what === 'log' && argument === 'clear') await clearRequestLog(instance)
    else if (what === 'log') for (const each of await requestLog(instance)) console.log(JSON.stringify(each))
    else if (what === 'faults' || what === 'fault') {
      if (argument !== undefined) await setFaults(instance, checkFaults(JSON.parse(argument)))
      console.log(JSON.stringify(await getFaults(instance)))
    }
    return 0
  },
  async env(args) {
    refuseArguments('env', args)
    const quoted = (value: string): string => `'${value.replaceAll("'", String.raw`'\''`)}'`
    for (const [name, value] of Object.entries(await environmentOf(await theInstance()))) {
      console.log(`export ${name}=${quoted(value)}`)
    }
    return 0
  },
}

function misused(what: string): Promise<number> {
  console.error(unknownCommand(what))
  return Promise.resolve(2)
}

/** For commands that take none: a word that means nothing must not be taken for consent. */
function refuseArguments(command: string, args: string[]): void {
  if (args.length > 0) throw new Error(`${command} takes no argument, not ${args.join(' ')}\n\n${usage(command)}`)
}

process.on('SIGINT', () => {
  console.error('lab: interrupted; what is up already stays, and `scripts/lab down` takes it down')
  process.exit(130)
})

const [name = '', ...args] = process.argv.slice(2)
const command = Object.hasOwn(commands, name) ? commands[name] : undefined
if (['help', '--help', '-h'].includes(name)) console.log(usage(args[0]))
else if (command && asksForHelp(name, args)) console.log(usage(name))
else {
  try {
    process.exitCode = await (command ? command(args) : misused(name))
  } catch (error) {
    console.error(`lab: ${process.env['DEBUG'] ? (error as Error).stack : (error as Error).message}`)
    process.exitCode = 1
  }
}
