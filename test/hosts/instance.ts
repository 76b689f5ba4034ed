/**
 * The lab instance that a test file on real hosts uses: each of vitest's workers has one of its own, for the files of two run
 * side by side.
 */
export const testInstance = instanceOf(Number(process.env['VITEST_POOL_ID'] ?? 1))

export function instanceOf(worker: number): string {
  return `${process.env['STREAMSIDE_LAB'] ?? 'test'}-${worker}`
}
