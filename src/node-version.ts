// An old Node reads this file and bin.ts before any other: no syntax that is younger than Node 14.8.

/** The oldest Node that streamside runs on, as in `engines` of package.json: zstd in node:zlib, types stripped in a checkout. */
const oldest = { major: 22, minor: 18 }

/** What to tell someone whose Node (`process.versions.node`) is too old, or null when it will do. */
export function refusalOf(version: string): string | null {
  const parts = version.split('.').map(Number)
  const major = Number(parts[0])
  const minor = Number(parts[1])
  if (major > oldest.major || (major === oldest.major && minor >= oldest.minor)) return null
  return (
    `streamside needs Node >= ${oldest.major}.${oldest.minor}, this is v${version}; ` +
    'get a newer one from https://nodejs.org/en/download or with  nvm install 24'
  )
}
