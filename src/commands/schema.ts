import { inventorySchema } from '../inventory/schema/json-schema.ts'
import { type ExitCode, exitCodes } from '../problem.ts'

/** `streamside schema`: prints the JSON Schema of the inventory for editors. Exit 0. */
export function runSchema(stdout: Pick<NodeJS.WriteStream, 'write'> = process.stdout): ExitCode {
  stdout.write(`${JSON.stringify(inventorySchema(), null, 2)}\n`)
  return exitCodes.done
}
