import { stringify } from 'yaml'

/** What a first inventory is made of. */
export interface Starter {
  site: string
  user: string | null
  hosts: { name: string; address: string; user?: string | null; port?: number | null }[]
  /** An ssh_config other than the user's own, relative to the inventory. */
  sshConfig?: string | null
  /** null: it is not known yet, and stands there as a comment to be filled in. */
  replica: { endpoint: string | null; region: string; bucket: string; prefix: string } | null
  app: {
    name: string
    host: string
    release: string
    command: string
    packages: string[]
    port: number | null
    database: string | null
    health: string | null
  } | null
  /** Lines in place of the example of an app: what a host was found to run. */
  proposals?: string[]
}

/** The names under which a first inventory looks for the keys of its bucket. */
export const starterSecrets = { key: 'backup-key', secret: 'backup-secret' } as const

/** A first inventory as YAML, annotated for someone who has not read the manual. */
export function starterInventory(starter: Starter): string {
  const { replica, app } = starter
  const lines = [
    '# An inventory of streamside: the machines, and the apps with their SQLite databases that run on them.',
    '# streamside check validates it, streamside plan shows what would change, streamside provision carries it out.',
    '# streamside schema prints its JSON Schema, for an editor that completes keys.',
    '',
    'version: 1',
    `site: ${scalar(starter.site)}`,
    '',
    '# What hosts and apps take that do not say it themselves.',
    ...defaultsLines(starter),
    '',
    ...(starter.sshConfig ? [`ssh: { config: ${scalar(starter.sshConfig)} }`, ''] : []),
    ...(replica === null ? notYet(replicaLines(unknownReplica)) : replicaLines(replica)),
    '',
    '# The machines: Raspberry Pi OS or Debian 12 and 13, reached as your ssh reaches them.',
    'hosts:',
    ...starter.hosts.map(hostLine),
    '  # another: { address: 192.168.1.22, user: pi, tags: [shop], sudo-password: !secret another-sudo }',
    '',
  ]
  // Under an app that is written in full the key stands already.
  const proposals = starter.proposals?.filter((line) => app === null || line !== '# apps:')
  const apps = [...(app ? appLines(app) : []), ...(proposals ?? (app ? [] : exampleLines(starter)))]
  return `${[...lines, ...apps].join('\n')}\n`
}

function hostLine({ name, address, user, port }: Starter['hosts'][number]): string {
  const more = [...(user ? [`user: ${scalar(user)}`] : []), ...(port ? [`port: ${port}`] : [])]
  return `  ${scalar(name)}: { ${[`address: ${scalar(address)}`, ...more].join(', ')} }`
}

function defaultsLines({ user, replica }: Starter): string[] {
  const userLine = user === null ? '  # user: pi # default: what your ~/.ssh/config says' : `  user: ${scalar(user)}`
  // With nothing but comments below it, the key would have no value.
  if (user === null && replica === null) return ['# defaults: { user: pi, replica: backup }']
  return ['defaults:', userLine, replica === null ? '  # replica: backup' : '  replica: backup']
}

type Replica = NonNullable<Starter['replica']>
const unknownReplica: Replica = { endpoint: null, region: 'us-east-1', bucket: 'FILL-IN', prefix: 'home' }

/** Lines of YAML as a comment, to be filled in and uncommented. */
function notYet(lines: string[]): string[] {
  return lines.map((line) => (line.startsWith('#') ? line : `# ${line}`))
}

function replicaLines(replica: Replica): string[] {
  return [
    '# Where databases are streamed to. The bucket must exist and keep conditional writes (streamside probes it).',
    '# Keep lifecycle rules off the prefix: what they delete cannot be restored.',
    'replicas:',
    '  backup:',
    '    type: s3',
    ...(replica.endpoint === null
      ? ['    # endpoint: https://nas.lan:9000 # left out: AWS']
      : [`    endpoint: ${scalar(replica.endpoint)}`]),
    `    region: ${scalar(replica.region)}`,
    `    bucket: ${scalar(replica.bucket)}`,
    `    prefix: ${scalar(replica.prefix)} # each app gets a folder of its own below it`,
    '    # ca: ./nas-ca.pem # when the server has a certificate authority of its own',
    '    # Secrets never stand here. Each is looked for in the environment (BACKUP_KEY), then in secrets.yaml beside',
    '    # this file (mode 0600, kept out of git), then in secrets.sops.yaml.',
    `    access-key-id: !secret ${starterSecrets.key}`,
    `    secret-access-key: !secret ${starterSecrets.secret}`,
  ]
}

function appLines(app: NonNullable<Starter['app']>): string[] {
  return [
    '# The apps. Each gets a system user, /opt/<app>/releases, /var/lib/<app> and a sandboxed unit of its name.',
    'apps:',
    `  ${scalar(app.name)}:`,
    `    host: ${scalar(app.host)}`,
    '    release:',
    `      from: ${scalar(app.release)} # a directory, an archive, a binary, or { url, sha256 }`,
    `      command: ${scalar(app.command)} # split into words; no shell`,
    ...(app.port === null ? ['    # port: 8080'] : [`    port: ${app.port} # $PORT to the app`]),
    ...(app.packages.length === 0
      ? ['    # packages: [tzdata] # Debian packages it needs']
      : [`    packages: [${app.packages.map(scalar).join(', ')}] # Debian packages it needs`]),
    '    # environment: { TOKEN: !secret token }',
    '    # files: { config.yml: { from: ./config.yml, mode: "0640" } }',
    ...(app.database === null
      ? ['    # database: data/app.db # relative to /var/lib/<app>']
      : [`    database: ${scalar(app.database)} # relative to /var/lib/${app.name}`]),
    ...(app.health === null
      ? ['    # health: { http: "http://127.0.0.1:8080/health", within: 30s }']
      : [`    health: { http: ${scalar(app.health)}, within: 30s }`]),
  ]
}

function exampleLines(starter: Starter): string[] {
  return [
    '# The apps. Each gets a system user, /opt/<app>/releases, /var/lib/<app> and a sandboxed unit of its name.',
    '# apps:',
    '#   notes:',
    `#     host: ${scalar(starter.hosts[0]?.name ?? 'pi')}`,
    '#     release: { from: ./notes, command: "./serve --port 8080" }',
    '#     port: 8080',
    '#     database: data/notes.db # relative to /var/lib/notes',
    '#     health: { http: "http://127.0.0.1:8080/health", within: 30s }',
  ]
}

/** The text as a YAML scalar in one line that is read back as the same text, never as a number or a boolean. */
function scalar(text: string): string {
  return stringify(text, {
    lineWidth: 0,
    defaultStringType: /[{}[\],&*#?|<>=!%@`:'"\\\n]/.test(text) ? 'QUOTE_DOUBLE' : 'PLAIN',
  }).trimEnd()
}
