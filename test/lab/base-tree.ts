import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { sourcesList, type AptSource, type Suite } from './apt-source.ts'
import { machineArchitecture } from './download.ts'
import { withLock } from './lock.ts'
import { baseFolder } from './paths.ts'
import { $ } from './shell.ts'

// What Raspberry Pi OS Lite and these trees have in common; deliberately without rsyslog, jq, sqlite3, curl and Python.
const packages =
  'systemd,systemd-sysv,systemd-timesyncd,libpam-systemd,dbus,openssh-server,ca-certificates,iproute2,sudo,procps'

const customise = path.join(import.meta.dirname, 'customise-base.sh')

/**
 * The root of a bare Debian host, made on first use (15 to 20 s) and never written again: hosts are overlays over it. Its
 * folder's name holds a digest of the recipe, so a changed recipe makes a new tree; trees of older recipes are removed when
 * no host stands on them.
 */
export async function baseTree(suite: Suite, source: AptSource, say: (line: string) => void): Promise<string> {
  const script = await readFile(customise, 'utf8')
  const stamp = createHash('sha256').update(`${packages}\n${script}`).digest('hex').slice(0, 12)
  const kind = `${suite}-${machineArchitecture()}`
  const tree = path.join(baseFolder(), `${kind}-${stamp}`)
  if (existsSync(tree)) return tree
  await mkdir(baseFolder(), { recursive: true })
  await withLock(path.join(baseFolder(), `${kind}.lock`), 900, async () => {
    if (existsSync(tree)) return
    say(`making the base tree of ${suite} (once)`)
    const work = await mkdtemp(path.join(baseFolder(), `.work-${kind}-`))
    try {
      const lists = path.join(work, 'sources.list')
      const aptOptions = path.join(work, 'apt.conf')
      const root = path.join(work, 'root')
      await writeFile(lists, sourcesList(source, suite))
      await writeFile(aptOptions, source.options)
      const made =
        await $`mmdebstrap --quiet --mode=root --variant=minbase --include=${packages} --aptopt=${aptOptions} ${suite} ${root} ${lists}`.nothrow()
      if (made.exitCode !== 0) throw new Error(`mmdebstrap could not make the base tree of ${suite}:\n${made.stderr}`)
      const customised = await $({ input: script })`chroot ${root} sh -s`.nothrow()
      if (customised.exitCode !== 0)
        throw new Error(`customise-base.sh failed in the tree of ${suite}:\n${customised.stderr}`)
      // mmdebstrap leaves its --aptopt behind as the tree's own; hosts get the options of the machine they boot on
      await rm(path.join(root, 'etc/apt/apt.conf.d/99mmdebstrap'), { force: true })
      await rename(root, tree)
    } finally {
      await rm(work, { recursive: true, force: true })
    }
    await removeOldTrees(kind, tree)
  })
  return tree
}

async function removeOldTrees(kind: string, current: string): Promise<void> {
  const mounts = await readFile('/proc/mounts', 'utf8')
  for (const name of await readdir(baseFolder())) {
    const tree = path.join(baseFolder(), name)
    if (!name.startsWith(`${kind}-`) || tree === current || mounts.includes(`lowerdir=${tree},`)) continue
    await rm(tree, { recursive: true, force: true })
  }
}
