import { Problem } from '../problem.ts'

/** 0.5.0 to 0.5.16 each carry a bug that loses data or corrupts a restore (upstream issues 781 to 1432). */
export const oldestLitestream = '0.5.17'

/** Throws Problem `litestream-version` for what is no version or too old. It goes into paths and URLs, so its form is checked too. */
export function requireVersion(version: string): void {
  const doing = 'choosing the Litestream release'
  const parts = /^(\d{1,4})\.(\d{1,4})\.(\d{1,4})$/.exec(version)
  if (!parts)
    throw new Problem({
      code: 'litestream-version',
      doing,
      found: `version ${JSON.stringify(version)} is not of the form ${oldestLitestream}`,
      next: `say version: ${oldestLitestream} under litestream:`,
    })
  const order = (text: string) => text.split('.').reduce((sum, part) => sum * 10_000 + Number(part), 0)
  if (order(version) < order(oldestLitestream))
    throw new Problem({
      code: 'litestream-version',
      doing,
      found: `${version} has bugs that lose data or corrupt a restore; ${oldestLitestream} is the oldest without`,
      next: `say version: ${oldestLitestream} under litestream:`,
    })
}
