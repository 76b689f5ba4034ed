import { createInterface } from 'node:readline/promises'
import type { PackedRelease } from '../artifacts/release.ts'
import { wrongDatabase } from '../inventory/checks/databases.ts'
import { appName, wrongHostName } from '../inventory/checks/names.ts'
import { appShape } from '../inventory/schema/app.ts'
import { host as hostSchema, sshUser } from '../inventory/schema/host.ts'
import { singles } from '../inventory/schema/inventory.ts'
import { s3Replica } from '../inventory/schema/replica.ts'
import type { Starter } from '../inventory/starter.ts'
import { interrupted } from '../report/questions.ts'
import { type InitOptions, stoppingOf } from './init-options.ts'
import { byRule, proposedPackages, readRelease, splitPackages, wrongPackages, wrongStart } from './init-rules.ts'

type Wrong = (answer: string) => string | null | Promise<string | null>
type Ask = (question: string, usual: string | null, wrong: Wrong) => Promise<string>

/** Where the inventory will lie, which paths start from, and where releases are packed. */
export interface Where {
  folder: string
  cacheDirectory: string
}

/** Asks on the terminal for what the flags leave open; a wrong answer is asked again with the reason. Throws Problem `interrupted`. */
export async function askStarter(options: InitOptions, where: Where): Promise<Starter> {
  const line = createInterface({ input: process.stdin, output: process.stderr, signal: stoppingOf(options) })
  // Not line.question(): what is typed ahead, while an answer is looked at, would be lost.
  const lines = line[Symbol.asyncIterator]()
  const ask: Ask = async (question, usual, wrong) => {
    for (;;) {
      line.setPrompt(`${question}${usual ? ` [${usual}]` : ''}: `)
      line.prompt()
      const typed = await lines.next()
      if (typed.done === true) throw interrupted()
      const answer = typed.value.trim() || (usual ?? '')
      const reason = await wrong(answer)
      if (reason === null) return answer
      process.stderr.write(`  ${reason}\n`)
    }
  }
  try {
    const site = options.site ?? (await ask('name of the site', 'home', byRule(singles.site)))
    const user =
      options.user ?? (await ask('user to log in as (empty: what your ssh says)', null, orNothing(byRule(sshUser))))
    const given = options.host.map((text) => splitHost(text))
    const hosts = given.length > 0 ? given : await askHosts(ask, byRule(hostSchema.shape.address))
    const endpoint =
      options.endpoint ??
      (await ask('URL of the S3 server, with https:// (empty: AWS)', null, orNothing(byRule(s3Replica.shape.endpoint))))
    const region = options.region ?? (await ask('region', 'us-east-1', byRule(s3Replica.shape.region)))
    const bucket = options.bucket ?? (await ask('bucket', null, byRule(s3Replica.shape.bucket)))
    const prefix = options.prefix ?? site.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
    const name =
      options.app ??
      (await ask(
        'name of the first app (empty: none yet)',
        null,
        orNothing((text) => appName(text)?.message ?? null),
      ))
    return {
      site,
      user: user === '' ? null : user,
      hosts,
      replica: { endpoint: endpoint === '' ? null : endpoint, region, bucket, prefix },
      app: name === '' ? null : await askApp(ask, name, hosts[0]?.name ?? '', options, where),
    }
  } finally {
    line.close()
  }
}

async function askApp(
  ask: Ask,
  name: string,
  host: string,
  options: InitOptions,
  { folder, cacheDirectory }: Where,
): Promise<NonNullable<Starter['app']>> {
  let packed: PackedRelease | undefined
  const wrongRelease = async (answer: string) => {
    const read = await readRelease(answer, folder, cacheDirectory)
    if (typeof read === 'string') return read
    packed = read
    return null
  }
  const given = <T>(value: T | undefined, asked: () => Promise<T>) => (value === undefined ? asked() : value)
  const refused = options.release === undefined ? null : await wrongRelease(options.release)
  if (refused !== null) process.stderr.write(`  --release: ${refused}\n`)
  const release =
    options.release !== undefined && refused === null
      ? options.release
      : await ask('its release: a folder, an archive or a binary', null, wrongRelease)
  const readable = packed
  if (readable === undefined) throw new Error('a release was accepted that was not read')
  const command = await given(options.command, () =>
    ask('the command that starts it', `./${name}`, (answer) => wrongStart(name, answer, readable)),
  )
  const proposed = await proposedPackages(release, folder, command, readable)
  const packages = await given(options.packages, () =>
    ask('Debian packages it needs (- for none)', proposed.join(' ') || '-', (text) =>
      text === '-' ? null : wrongPackages(text),
    ),
  )
  return {
    name,
    host,
    release,
    command,
    packages: packages === '-' ? [] : splitPackages(packages),
    database:
      options.database ??
      ((await ask(
        `its SQLite database below /var/lib/${name} (empty: none)`,
        null,
        orNothing((path) => wrongDatabase(name, path)),
      )) ||
        null),
    port: options.port ?? (Number(await ask('its port (empty: none)', null, orNothing(port))) || null),
    health: options.health ?? null,
  }
}

async function askHosts(ask: Ask, wrongAddress: (answer: string) => string | null): Promise<Starter['hosts']> {
  const hosts: Starter['hosts'] = []
  for (;;) {
    const first = hosts.length === 0
    const answer = await ask(
      first ? 'first host, as NAME=ADDRESS (pi-attic=192.168.1.21)' : 'another host (empty: no more)',
      null,
      (text) => {
        if (text === '') return first ? 'at least one host is needed' : null
        const { name, address } = splitHost(text)
        if (hosts.some((host) => host.name === name)) return `${name} is a host already`
        return wrongHostName(name) ?? wrongAddress(address)
      },
    )
    if (answer === '') return hosts
    hosts.push(splitHost(answer))
  }
}

/** `NAME=ADDRESS`, or a name that ssh knows. */
export function splitHost(text: string): { name: string; address: string } {
  const at = text.indexOf('=')
  return at === -1 ? { name: text, address: text } : { name: text.slice(0, at), address: text.slice(at + 1) }
}

/** Nothing at all is an answer too. */
function orNothing(rule: (answer: string) => string | null): (answer: string) => string | null {
  return (answer) => (answer === '' ? null : rule(answer))
}

function port(answer: string): string | null {
  return appShape.port.safeParse(Number(answer)).success ? null : 'a number from 1 to 65535'
}
