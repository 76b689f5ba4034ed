import { down } from '../lab/index.ts'
import { workers } from '../workers.ts'
import { instanceOf } from './instance.ts'

const instances = Array.from({ length: workers }, (_, n) => instanceOf(n + 1))

/** The tests have labs of their own, beside any that somebody has up; what an earlier, killed run left goes first. */
export async function setup(): Promise<void> {
  for (const instance of instances) await down({ instance })
}

export async function teardown(): Promise<void> {
  if (process.env['STREAMSIDE_KEEP'] !== undefined) return
  for (const instance of instances) await down({ instance })
}
