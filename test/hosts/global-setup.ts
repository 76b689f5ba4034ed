import { down } from '../lab/index.ts'
import { testInstance } from './instance.ts'

/** The tests have a lab of their own, beside any that somebody has up; what an earlier, killed run left goes first. */
export async function setup(): Promise<void> {
  await down({ instance: testInstance })
}

export async function teardown(): Promise<void> {
  if (process.env['STREAMSIDE_KEEP'] === undefined) await down({ instance: testInstance })
}
