import { InvalidArgumentError } from 'commander'

const units: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 }

/**
 * The value of `--at`: `2h` (that long ago), or a time as journalctl takes it: `2026-11-21 14:05`, of this machine's time zone
 * unless one is named (`2026-11-21T14:05:00Z`, `+01:00`).
 * @param now milliseconds since the epoch
 * @returns milliseconds since the epoch
 * @throws InvalidArgumentError
 */
export function timeOf(text: string, now: number): number {
  const [, count, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  if (count !== undefined) return now - Number(count) * (units[unit] ?? 0) * 1000
  const [, day, clock = '00:00', zone = ''] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?) ?(Z|[+-]\d\d:\d\d)?)?$/.exec(text) ?? []
  const time = day === undefined ? Number.NaN : Date.parse(`${day}T${clock}${zone}`)
  // Date.parse takes the 31st of November for the 1st of December
  if (Number.isNaN(time) || (zone === '' && new Date(time).getDate() !== Number(day?.slice(8))))
    throw new InvalidArgumentError(
      'a time such as 2026-11-21T14:05:00Z or "2026-11-21 14:05", or how long ago: 30m, 2h, 1d',
    )
  if (time > now) throw new InvalidArgumentError(`${new Date(time).toISOString()} is still to come`)
  return time
}

/** The value of `--txid`: `[DATABASE=]TRANSACTION`, in hexadecimal digits as `litestream ltx` and `status` print it. */
export function txidOf(text: string): { txid: string; database: string | null } {
  const [, database, txid] = /^(?:([A-Za-z0-9_-]+)=)?([0-9A-Fa-f]{1,16})$/.exec(text) ?? []
  if (txid === undefined)
    throw new InvalidArgumentError('a transaction in hexadecimal digits, 1f; of one of several databases: main=1f')
  return { txid: txid.toLowerCase().padStart(16, '0'), database: database ?? null }
}
