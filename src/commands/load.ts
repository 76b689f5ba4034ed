import { checkCarried } from '../desired/check-draft.ts'
import { checkTemplates } from '../desired/check-templates.ts'
import { type Loaded, type LoadOptions, loadInventory } from '../inventory/load.ts'

/**
 * Loads an inventory with what every command wants of it beyond the schema: its templates render, its commands and values are
 * such as systemd can carry. Further `checks` come after these.
 * @throws InventoryProblem with every mistake, in its place
 */
export function loadChecked(path: string, options: LoadOptions = {}): Promise<Loaded> {
  const files = options.skipLocalFiles ? [] : [checkTemplates]
  return loadInventory(path, { ...options, checks: [checkCarried, ...files, ...(options.checks ?? [])] })
}
