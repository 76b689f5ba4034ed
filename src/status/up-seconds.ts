/** The properties that tell when a unit's main process began, or, where nobody can say which that is, the unit; µs since boot. */
const began = ['ExecMainStartTimestampMonotonic', 'ActiveEnterTimestampMonotonic']

/** For how long each unit that is active has run, in seconds, by the `show` and `uptime` records of templates/host/status.sh. */
export function parseUpSeconds(records: ReadonlyMap<string, string[][]>): Map<string, number> {
  const uptime = wholeNumber(records.get('uptime')?.[0]?.[0])
  const up = new Map<string, number>()
  let unit = new Map<string, string>()
  const close = () => {
    const name = unit.get('Id')
    const start = began.map((property) => wholeNumber(unit.get(property))).find((time) => time !== null && time > 0)
    if (name !== undefined && uptime !== null && start && unit.get('ActiveState') === 'active')
      up.set(name, Math.max(0, uptime - Math.floor(start / 1e6)))
    unit = new Map()
  }
  for (const [text = ''] of records.get('show') ?? []) {
    const at = text.indexOf('=')
    if (text === '') close()
    else unit.set(text.slice(0, at), text.slice(at + 1))
  }
  close()
  return up
}

const wholeNumber = (text: string | undefined): number | null => (/^\d{1,15}$/.test(text ?? '') ? Number(text) : null)
