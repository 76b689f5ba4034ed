import { fetchLitestream } from '../artifacts/litestream-release.ts'
import { type PackedRelease, packRelease } from '../artifacts/release.ts'
import { checkArchitecture, checkCommand } from '../artifacts/release-command.ts'
import { type HostArtifacts, releaseSource } from '../desired/host-state.ts'
import type { App, Architecture, Inventory, ReleaseSource } from '../inventory/model.ts'
import { exitCodes, Problem } from '../problem.ts'
import type { ArtifactSource } from './context.ts'

/**
 * Fetches and packs what hosts need, each thing once a run however many hosts ask at the same time.
 * @param report progress for people, e.g. of a download
 */
export function artifactSource(
  inventory: Inventory,
  cacheDirectory: string,
  report: (text: string) => void,
): ArtifactSource {
  const releases = new Map<string, Promise<PackedRelease>>()
  const binaries = new Map<Architecture, Promise<{ binary: string; sha256: string; version: string }>>()
  const packed = (source: ReleaseSource) =>
    once(releases, JSON.stringify(source), () => packRelease(source, { cacheDirectory, report }))
  const litestream = (architecture: Architecture) =>
    once(binaries, architecture, () =>
      fetchLitestream({ ...inventory.litestream, architecture, cacheDirectory, report }),
    )

  return {
    async forHost(apps, architecture) {
      const own = new Map<string, PackedRelease>()
      for (const app of apps) {
        const source = releaseSource(app, architecture)
        if (!source) throw noRelease(app, architecture)
        const release = await packed(source)
        checkCommand(release, app.release.command)
        checkArchitecture(release, architecture, app.release.command[0], { declared: !('all' in app.release.from) })
        own.set(app.name, release)
      }
      const gated = apps.some((app) => Object.keys(app.databases).length > 0)
      return { litestream: gated ? await litestream(architecture) : null, releases: own }
    },
    async candidates(apps) {
      const all: HostArtifacts[] = []
      const { version } = inventory.litestream
      for (const architecture of ['amd64', 'arm64', 'armhf'] as const) {
        const fitting = apps.map((app) => [app.name, releaseSource(app, architecture) ?? anySource(app)] as const)
        const entries = await Promise.all(fitting.map(async ([name, source]) => [name, await packed(source)] as const))
        // Only its path counts here, and that follows from the version.
        all.push({ litestream: { version, binary: '', sha256: '' }, releases: new Map(entries) })
      }
      return all
    },
  }
}

function anySource(app: App): ReleaseSource {
  const source = Object.values(app.release.from)[0]
  if (!source) throw new Error(`${app.name} has no release at all`)
  return source
}

function once<K, V>(made: Map<K, Promise<V>>, key: K, make: () => Promise<V>): Promise<V> {
  let value = made.get(key)
  if (!value) {
    value = make()
    made.set(key, value)
  }
  return value
}

function noRelease(app: App, architecture: Architecture): Problem {
  return new Problem({
    code: 'no-release',
    doing: `choosing the release of ${app.name}`,
    found: `the host is ${architecture}, and the inventory has releases for ${Object.keys(app.release.from).join(', ')}`,
    next: `add  ${architecture}:  under release.from of ${app.name}, or give the app to another host`,
    app: app.name,
    exit: exitCodes.usage,
  })
}
