/** Seconds for people: `0.3 s`, `14 s`, `2 min 05 s`; from 100 minutes on `4 h`, `9 d`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole >= 100 * 60) return age(whole)
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`
}

/** How long ago, in the largest unit that fits: `3 s`, `12 min`, `4 h`, `9 d`. Less than nothing, for clocks differ, is `0 s`. */
export function age(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 100) return `${whole} s`
  if (whole < 100 * 60) return `${Math.round(whole / 60)} min`
  if (whole < 48 * 3600) return `${Math.round(whole / 3600)} h`
  return `${Math.round(whole / 86_400)} d`
}

const year = 365.25 * 86_400

/** How far apart two times are that should be the same: `40 s`, `9 d`, `57 years`, for a clock that nobody has set says 1970. */
export function apart(seconds: number): string {
  const whole = Math.abs(seconds)
  return whole > 2 * year ? `${Math.round(whole / year)} years` : age(whole)
}
