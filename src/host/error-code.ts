/** The system's code of an error (`ENOENT`, `ECONNREFUSED` …), if it has one. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** An error's own words. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
