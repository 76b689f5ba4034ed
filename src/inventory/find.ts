import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { exitCodes, Problem } from '../problem.ts'

const places = ['inventory', 'inventory.yaml', 'streamside.yaml'] as const

/**
 * The inventory of a folder when none is named: `inventory/`, `inventory.yaml` or `streamside.yaml`, absolute.
 * Throws Problem `inventory-not-found` (exit 2) that says where it was looked for, or `inventory-ambiguous`.
 */
export async function findInventory(cwd: string): Promise<string> {
  const found: string[] = []
  for (const place of places) {
    const there = await stat(join(cwd, place)).catch(() => null)
    if (place === 'inventory' ? there?.isDirectory() : there?.isFile()) found.push(place)
  }
  const [first, second] = found
  if (first === undefined)
    throw new Problem({
      code: 'inventory-not-found',
      doing: 'looking for the inventory',
      found: `neither inventory/, inventory.yaml nor streamside.yaml is in ${cwd}`,
      next: 'name it with --inventory PATH, or make one with: streamside init',
      exit: exitCodes.usage,
    })
  if (second !== undefined)
    throw new Problem({
      code: 'inventory-ambiguous',
      doing: 'looking for the inventory',
      found: `both ${first} and ${second} are in ${cwd}`,
      next: 'choose one with --inventory PATH',
      exit: exitCodes.usage,
    })
  return join(cwd, first)
}
