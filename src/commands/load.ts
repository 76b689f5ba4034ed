import { checkReleases } from '../artifacts/check-releases.ts'
import { cacheDirectory } from '../artifacts/cache.ts'
import { checkCarried } from '../desired/check-draft.ts'
import { checkTemplates } from '../desired/check-templates.ts'
import { type Loaded, type LoadOptions, loadInventory } from '../inventory/load.ts'

/**
 * Loads an inventory with the checks of all rooms that need no host: its templates are rendered, its commands and values are
 * such as systemd can carry. With `releases` the releases are looked into as well: `check` asks for that, while a run over hosts packs
 * those that its hosts need in any case.
 * @throws InventoryProblem with every mistake, in its place
 */
export function loadChecked(path: string, options: LoadOptions & { releases?: boolean } = {}): Promise<Loaded> {
  const { releases = false, ...rest } = options
  const files = options.skipLocalFiles ? [] : [checkTemplates]
  const cache = cacheDirectory(options.env ?? process.env)
  return loadInventory(path, {
    ...rest,
    checks: [checkCarried, ...files, ...(releases ? [checkReleases(cache)] : [])],
  })
}
