import { lookup } from 'node:dns/promises'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { refreshIndex } from './machine.ts'
import { $ } from './shell.ts'

/**
 * Where this machine gets Debian's packages from. It is read at run time from apt itself, so that a lab behind a local
 * mirror, a proxy or a snapshot uses the same, and no registry's name stands in the tree.
 */
export interface AptSource {
  /** Repositories that carry Debian: address, suite with the codename as `%s`, components. */
  repositories: { uri: string; suite: string; components: string[] }[]
  /** apt options that decide whether this machine's source is usable at all, one `Name "value";` a line. */
  options: string
  /** IPv4 addresses that hosts may reach on tcp 80 and 443. */
  addresses: string[]
  /** Ports other than 80 and 443 that the source (or apt's proxy) is on. */
  ports: number[]
  /** IPv4 addresses of the resolvers; empty when this machine resolves on loopback only. */
  resolvers: string[]
  /** `ADDRESS NAME` lines: hosts still find the source where there is no resolver they could reach. */
  hostsFile: string
}

export type Suite = 'bookworm' | 'trixie'
export const suites: readonly Suite[] = ['bookworm', 'trixie']

const sharedOptions = /^Acquire::(Check-Valid-Until|Check-Date|Languages|http::Proxy|Retries)\b/

/** apt's sources.list for `suite`, from the machine's own repositories. */
export function sourcesList(source: AptSource, suite: Suite): string {
  return source.repositories
    .map((each) => `deb ${each.uri} ${each.suite.replace('%s', suite)} ${each.components.join(' ')}\n`)
    .join('')
}

/** Reads the machine's apt configuration. Throws when none of its sources is Debian's own archive over http. */
export async function readAptSource(): Promise<AptSource> {
  let repositories = await debianRepositories()
  if (repositories.length === 0) {
    // apt tells a source's origin from its downloaded index; a fresh machine may have none yet
    await refreshIndex()
    repositories = await debianRepositories()
  }
  if (repositories.length === 0) {
    throw new Error(
      "none of this machine's apt sources is Debian's archive over http; the lab makes its hosts from it (apt-get indextargets)",
    )
  }
  const options = (await $`apt-config dump`).stdout
    .split('\n')
    .filter((line) => sharedOptions.test(line) && !line.endsWith(' "";'))
    .join('\n')
  const proxies = [...options.matchAll(/http::Proxy\S* "(https?:\/\/[^"]+)"/g)].map((match) => match[1] as string)
  const urls = [...repositories.map((each) => each.uri), ...proxies].map((each) => new URL(each))
  const names = [...new Set(urls.map((url) => url.hostname))]
  const resolved = await Promise.all(names.map((name) => lookup(name, { all: true, family: 4 })))
  return {
    repositories,
    options: options && `${options}\n`,
    addresses: [...new Set(resolved.flat().map((each) => each.address))],
    ports: [...new Set(urls.flatMap((url) => (url.port === '' ? [] : [Number(url.port)])))],
    resolvers: await readResolvers(),
    hostsFile: names.map((name, i) => `${resolved[i]?.[0]?.address} ${name}\n`).join(''),
  }
}

async function debianRepositories(): Promise<AptSource['repositories']> {
  const codename = /^VERSION_CODENAME=(.*)$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1] ?? 'none'
  const format = '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)'
  const { stdout } = await $`apt-get indextargets --format ${format} ${'Created-By: Packages'}`
  const found = new Map<string, AptSource['repositories'][number]>()
  for (const line of new Set(stdout.split('\n'))) {
    const [uri = '', release = '', component = '', origin] = line.split('|')
    // main, updates and security of the machine's own release; the hosts get the same three with their suite's name.
    // https would need the machine's certificate authorities in every host.
    if (origin !== 'Debian' || component !== 'main' || !uri.startsWith('http://')) continue
    if (![codename, `${codename}-updates`, `${codename}-security`].includes(release)) continue
    found.set(`${uri} ${release}`, { uri, suite: release.replace(codename, '%s'), components: ['main'] })
  }
  return [...found.values()].sort((a, b) => a.suite.length - b.suite.length)
}

async function readResolvers(): Promise<string[]> {
  // systemd-resolved listens on loopback and keeps the real ones beside
  const files = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'].filter((file) => existsSync(file))
  for (const file of files) {
    const servers = [...(await readFile(file, 'utf8')).matchAll(/^nameserver\s+([\d.]+)\s*$/gm)].map(
      (match) => match[1] as string,
    )
    const reachable = servers.filter((address) => !address.startsWith('127.'))
    if (reachable.length > 0) return reachable
  }
  return []
}
