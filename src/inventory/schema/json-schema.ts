import { z } from 'zod'
import { inventory } from './inventory.ts'

/**
 * The JSON Schema (draft 2020-12) of an inventory file, for editors. What it cannot say: `!secret NAME` is a YAML tag,
 * which JSON Schema does not see, so secrets are text to it (an editor has to be told of the tag `!secret`); and in a
 * folder of files `version` and `site` stand in one of them only, so nothing is required at the top.
 */
export function inventorySchema(): Record<string, unknown> {
  const schema: Record<string, unknown> = z.toJSONSchema(inventory, {
    io: 'input',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      const meta = z.globalRegistry.get(zodSchema)
      delete jsonSchema['secret']
      delete jsonSchema['later']
      if (meta?.['secret'] === true) {
        jsonSchema.type = 'string'
        jsonSchema.description ??= 'Written as !secret NAME.'
      }
      const later = meta?.['later']
      if (later instanceof z.ZodType) {
        const known = z.toJSONSchema(later, { io: 'input', unrepresentable: 'any' })
        delete known.$schema
        delete known.description
        Object.assign(jsonSchema, known)
      }
    },
  })
  delete schema['required']
  return { title: 'streamside inventory', ...schema }
}
