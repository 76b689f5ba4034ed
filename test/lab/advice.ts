import path from 'node:path'

export interface LabThatStays {
  /** The instance's name. */
  name: string
  isDefault: boolean
  /** Absolute path of the inventory that the demo provisioned. */
  inventory: string
  /** The S3 server, with its scheme. */
  endpoint: string
  /** Absolute folder of the checkout, and the one the demo was started in. */
  checkout: string
  cwd: string
}

/** What to try next with a lab that stays up: commands that work as they are printed, where they are printed. */
export function advice({ name, isDefault, inventory, endpoint, checkout, cwd }: LabThatStays): string {
  const prefix = isDefault ? '' : `STREAMSIDE_LAB=${name} `
  const here = (file: string) => {
    const short = path.relative(cwd, file)
    return short.startsWith('..') ? file : short
  }
  const lab = `${prefix}${here(path.join(checkout, 'scripts/lab'))}`
  const streamside = here(path.join(checkout, 'scripts/streamside'))
  return `
The lab stays up. What to try next:
  ${lab} ssh pi-attic systemctl status notes notes-gate notes-litestream
  ${lab} s3 stop && ${lab} power-cut pi-attic
      the app starts without the bucket: its files are sound
  ${lab} s3 start
      S3 is at ${endpoint} again
  ${streamside} plan --inventory ${here(inventory)}
      after a change to that file
Take it down: ${lab} down`
}
