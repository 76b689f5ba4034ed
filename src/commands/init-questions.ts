import { createInterface } from 'node:readline/promises'
import { appName } from '../inventory/checks/names.ts'
import { appShape } from '../inventory/schema/app.ts'
import { host as hostSchema, sshUser } from '../inventory/schema/host.ts'
import { singles } from '../inventory/schema/inventory.ts'
import { s3Replica } from '../inventory/schema/replica.ts'
import type { Starter } from '../inventory/starter.ts'
import type { InitOptions } from './init-options.ts'

interface Rule {
  safeParse(value: unknown): { success: boolean; error?: { issues: { message: string }[] } }
}

/** Asks on the terminal for what the flags leave open; a wrong answer is asked again with the reason. */
export async function askStarter(options: InitOptions): Promise<Starter> {
  const line = createInterface({ input: process.stdin, output: process.stderr })
  const ask = async (question: string, usual: string | null, wrong: (answer: string) => string | null) => {
    for (;;) {
      const answer = (await line.question(`${question}${usual ? ` [${usual}]` : ''}: `)).trim() || (usual ?? '')
      const reason = wrong(answer)
      if (reason === null) return answer
      process.stderr.write(`  ${reason}\n`)
    }
  }
  const by = (rule: Rule) => (answer: string) => {
    const read = rule.safeParse(answer)
    return read.success ? null : (read.error?.issues[0]?.message.split('\n')[0] ?? 'not valid')
  }
  const orNothing = (rule: (answer: string) => string | null) => (answer: string) =>
    answer === '' ? null : rule(answer)
  const something = (answer: string) => (answer === '' ? 'an answer is needed' : null)
  try {
    const site = options.site ?? (await ask('name of the site', 'home', by(singles.site)))
    const user =
      options.user ?? (await ask('user to log in as (empty: what your ssh says)', null, orNothing(by(sshUser))))
    const given = options.host.map((text) => splitHost(text))
    const hosts = given.length > 0 ? given : await askHosts(ask, by(hostSchema.shape.address))
    const endpoint =
      options.endpoint ??
      (await ask('URL of the S3 server, with https:// (empty: AWS)', null, orNothing(by(s3Replica.shape.endpoint))))
    const region = options.region ?? (await ask('region', 'us-east-1', by(s3Replica.shape.region)))
    const bucket = options.bucket ?? (await ask('bucket', null, by(s3Replica.shape.bucket)))
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
      app:
        name === ''
          ? null
          : {
              name,
              host: hosts[0]?.name ?? '',
              release: options.release ?? (await ask('its release: a folder, an archive or a binary', null, something)),
              command: options.command ?? (await ask('the command that starts it', `./${name}`, something)),
              database:
                options.database ??
                ((await ask(`its SQLite database below /var/lib/${name} (empty: none)`, null, () => null)) || null),
              port: options.port ?? (Number(await ask('its port (empty: none)', null, orNothing(port))) || null),
              health: options.health ?? null,
            },
    }
  } finally {
    line.close()
  }
}

type Ask = (question: string, usual: string | null, wrong: (answer: string) => string | null) => Promise<string>

async function askHosts(ask: Ask, wrongAddress: (answer: string) => string | null): Promise<Starter['hosts']> {
  const hosts: Starter['hosts'] = []
  for (;;) {
    const first = hosts.length === 0
    const answer = await ask(
      first ? 'first host, as NAME=ADDRESS (pi-attic=192.168.1.21)' : 'another host (empty: no more)',
      null,
      (text) => (text === '' ? (first ? 'at least one host is needed' : null) : wrongAddress(splitHost(text).address)),
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

function port(answer: string): string | null {
  return appShape.port.safeParse(Number(answer)).success ? null : 'a number from 1 to 65535'
}
