import { access, constants } from 'node:fs/promises'
import path from 'node:path'
import { withLock } from './lock.ts'
import { runFolder } from './paths.ts'
import { $ } from './shell.ts'

/** What the lab calls, and the Debian package it comes in. */
const programs: Record<string, string> = {
  'systemd-nspawn': 'systemd-container',
  mmdebstrap: 'mmdebstrap',
  ip: 'iproute2',
  nft: 'nftables',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  curl: 'curl',
  jq: 'jq',
  shellcheck: 'shellcheck',
  nsenter: 'util-linux',
  openssl: 'openssl',
}

async function onPath(program: string): Promise<string | null> {
  // sbin is not on every root's PATH (su without a dash)
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin']
  const files = folders.map((folder) => path.join(folder, program))
  const found = await Promise.allSettled(files.map((file) => access(file, constants.X_OK)))
  return files.find((_, i) => found[i]?.status === 'fulfilled') ?? null
}

/** Where a program is. Throws when it is not on PATH. */
export async function findProgram(program: string): Promise<string> {
  const found = await onPath(program)
  if (found === null) throw new Error(`the lab needs ${program}, which is not on PATH`)
  return found
}

/** Throws unless this is root on Linux: namespaces, mounts and nftables need it. */
export function requireRoot(): void {
  if (process.platform !== 'linux') throw new Error('the lab runs on Linux only (systemd-nspawn, network namespaces)')
  if (process.getuid?.() !== 0) {
    throw new Error(
      'the lab boots real hosts and needs root for namespaces, mounts and nftables; run it again as root (sudo)',
    )
  }
}

/** Installs what is missing, with apt-get; asks nothing and touches nothing when all is there. `say` gets a line to show. */
export async function bringTools(say: (line: string) => void): Promise<void> {
  requireRoot()
  process.env['PATH'] = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`
  await bringPrograms(programs, say)
}

/** The same for some programs, each with the Debian package it comes in. */
export async function bringPrograms(wanted: Record<string, string>, say: (line: string) => void): Promise<void> {
  const missing = await missingPackages(wanted)
  if (missing.length === 0) return
  await withLock(path.join(runFolder, 'apt.lock'), 600, async () => {
    const packages = await missingPackages(wanted)
    if (packages.length === 0) return
    if (!(await onPath('apt-get')))
      throw new Error(`the lab needs ${packages.join(', ')}, and this machine has no apt-get to bring them`)
    say(`installing ${packages.join(' ')}`)
    await installPackages(packages)
    const still = await missingPackages(wanted)
    if (still.length > 0)
      throw new Error(
        `apt-get has installed ${packages.join(', ')}, yet programs of ${still.join(', ')} are not on PATH`,
      )
  })
}

async function missingPackages(wanted: Record<string, string>): Promise<string[]> {
  const missing = await Promise.all(
    Object.entries(wanted).map(async ([program, from]) => ((await onPath(program)) === null ? [from] : [])),
  )
  return [...new Set(missing.flat())]
}

async function installPackages(packages: string[]): Promise<void> {
  const install = () => $`apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 ${packages}`.nothrow()
  // An index that knows the packages may still name versions that the mirror has replaced: refresh once, then mean it.
  if ((await install()).exitCode === 0) return
  await refreshIndex()
  const again = await install()
  if (again.exitCode !== 0)
    throw new Error(`apt-get install ${packages.join(' ')} failed:\n${again.stderr || again.stdout}`)
}

/** `apt-get update`. A source of somebody else's that does not answer is no reason to stop: apt exits 0 with warnings then. */
export async function refreshIndex(): Promise<void> {
  const update = await $`apt-get update -o DPkg::Lock::Timeout=300`.nothrow()
  if (update.exitCode !== 0) throw new Error(`apt-get update failed:\n${update.stderr}`)
}
