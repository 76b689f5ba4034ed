import { z } from 'zod'
import { command } from './words.ts'

/**
 * Keys whose feature is not built yet. They belong to the schema from the start, so that an editor completes them and an
 * inventory that uses them is refused in words rather than half obeyed.
 */
export const alerts = z.strictObject({
  command: command().describe('Program of yours that gets each alert as JSON on its stdin.'),
})
