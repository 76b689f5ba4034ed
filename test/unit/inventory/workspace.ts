import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type LoadOptions, type Loaded, loadInventory } from '../../../src/inventory/load.ts'
import { InventoryProblem, type Mistake } from '../../../src/inventory/mistake.ts'

/** The keys of `good`'s replica, as an environment holds them. */
export const keys = { NAS_KEY: 'AKIA-of-the-nas', NAS_SECRET: 'hunter2-of-the-nas' }

/** An inventory without mistakes; `apps` goes below `apps:`, indented by two. */
export function inventoryWith(apps = notes): string {
  return `version: 1
site: home
defaults: { user: pi, replica: nas }
replicas:
  nas: { type: s3, endpoint: "https://nas.lan:9000", bucket: homeserver, prefix: home,
         access-key-id: !secret nas-key, secret-access-key: !secret nas-secret }
hosts:
  pi-attic: { address: 192.168.1.21, tags: [shop] }
  pi-cellar: { address: 192.168.1.22 }
apps:
${apps}`
}

export const notes = `  notes:
    host: pi-attic
    release: { from: ./dist, command: ./serve }
    port: 8080
    database: data/notes.db
`

/** Files that a command of a test starts. */
const programs = /^dist\/(serve|run)$/

/** A new folder with these files in it, removed after the test. */
export async function folderWith(files: Record<string, string | Uint8Array>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'streamside-inventory-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), content, { mode: programs.test(name) ? 0o700 : 0o600 })
  }
  return folder
}

/** Loads `home.yaml` from a new folder, where no release has to exist unless `options` say so. */
export async function loadText(text: string | Uint8Array, options: LoadOptions = {}): Promise<Loaded> {
  const folder = await folderWith({ 'home.yaml': text })
  return loadInventory('home.yaml', { cwd: folder, env: keys, skipLocalFiles: true, ...options })
}

/** The mistakes that loading ends in; fails the test when there are none. */
export async function mistakesOf(loading: Promise<Loaded>): Promise<Mistake[]> {
  try {
    await loading
  } catch (error) {
    if (error instanceof InventoryProblem) return error.mistakes
    throw error
  }
  throw new Error('the inventory was taken for a good one')
}
