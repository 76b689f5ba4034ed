import { fetchLitestream } from '../artifacts/litestream-release.ts'
import { type PackedRelease, packRelease } from '../artifacts/release.ts'
import { checkArchitecture, checkCommand } from '../artifacts/release-command.ts'
import { type HostArtifacts, releaseSource } from '../desired/host-state.ts'
import type { App, Architecture, Inventory, Release, ReleaseSource } from '../inventory/model.ts'
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
      for (const { app, release } of released(apps)) {
        const source = releaseSource(release, architecture)
        if (!source) throw noRelease(app, release, architecture)
        const made = await packed(source)
        checkCommand(made, release.command)
        checkArchitecture(made, architecture, release.command[0], { declared: !('all' in release.from) })
        own.set(app.name, made)
      }
      const gated = apps.some((app) => Object.keys(app.databases).length > 0)
      return { litestream: gated ? await litestream(architecture) : null, releases: own }
    },
    async candidates(apps) {
      const all: HostArtifacts[] = []
      const { version } = inventory.litestream
      for (const architecture of ['amd64', 'arm64', 'armhf'] as const) {
        const fitting = released(apps).map(
          ({ app, release }) => [app.name, releaseSource(release, architecture) ?? anySource(app, release)] as const,
        )
        const entries = await Promise.all(fitting.map(async ([name, source]) => [name, await packed(source)] as const))
        // Only its path counts here, and that follows from the version.
        all.push({ litestream: { version, binary: '', sha256: '' }, releases: new Map(entries) })
      }
      return all
    },
  }
}

/** Those that come as a release; a service's package is apt's matter. */
function released(apps: App[]): { app: App; release: Release }[] {
  return apps.flatMap((app) => (app.release === null ? [] : [{ app, release: app.release }]))
}

function anySource(app: App, release: Release): ReleaseSource {
  const source = Object.values(release.from)[0]
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

function noRelease(app: App, release: Release, architecture: Architecture): Problem {
  return new Problem({
    code: 'no-release',
    doing: `choosing the release of ${app.name}`,
    found: `the host is ${architecture}, and the inventory has releases for ${Object.keys(release.from).join(', ')}`,
    next: `add  ${architecture}:  under release.from of ${app.name}, or give the app to another host`,
    app: app.name,
    exit: exitCodes.usage,
  })
}
