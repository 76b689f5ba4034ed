import type { Instance } from './instances.ts'
import { stillRuns } from './ran.ts'

/** Whose a lab is that a demo finds in its place. */
export type Standing =
  | { kind: 'none' }
  /** A person's: `scripts/lab up` made it, or a demo left it with --keep. */
  | { kind: 'kept' }
  /** A demo that runs. */
  | { kind: 'demo'; pid: number }
  /** A demo that ended without taking it down (SIGKILL, power cut): nobody wants it. */
  | { kind: 'leftover' }

/** Whose an instance is, by what its entry says and which processes there are. */
export async function standing(instance: Instance | null): Promise<Standing> {
  if (instance === null) return { kind: 'none' }
  if (instance.demo === undefined) return { kind: 'kept' }
  return (await stillRuns(instance.demo)) ? { kind: 'demo', pid: instance.demo.pid } : { kind: 'leftover' }
}
