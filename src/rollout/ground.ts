import { stat } from 'node:fs/promises'
import { type Ground } from '../plan/obstacles.ts'
import type { Looked } from './look.ts'

/** What is to be carried out and on what: with the sizes of what would be sent, which this machine's disk knows. */
export async function groundOf({ state, plan, observed, clockOffset }: Looked): Promise<Ground> {
  const sent = plan.changes.flatMap(({ step: { member } }) => (member && 'path' in member ? [member.path] : []))
  const sizes = await Promise.all(sent.map(async (path) => [path, (await stat(path)).size] as const))
  return { state, plan, observed, clockOffset, sizes: new Map(sizes) }
}
