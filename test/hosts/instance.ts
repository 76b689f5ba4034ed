/** The lab instance that the tests on real hosts use. */
export const testInstance = process.env['STREAMSIDE_LAB'] ?? 'test'
