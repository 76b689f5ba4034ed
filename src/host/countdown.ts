/** A limit in time that stands still while a person is being asked. */
export interface Countdown {
  /** Aborts when the time is over. */
  readonly signal: AbortSignal
  /** Runs `question` without its time being counted. */
  paused<T>(question: () => Promise<T>): Promise<T>
  stop(): void
}

/** Starts a countdown; `reason` makes the value the signal aborts with. */
export function countdown(seconds: number, reason: () => unknown): Countdown {
  const controller = new AbortController()
  let left = seconds * 1000
  let since = 0
  let timer: NodeJS.Timeout | null = null
  let stopped = false
  let pauses = 0
  const run = () => {
    // Infinity is no limit: setTimeout would fire at once.
    if (stopped || timer || left === Infinity) return
    since = performance.now()
    timer = setTimeout(() => controller.abort(reason()), left)
  }
  const halt = () => {
    if (!timer) return
    clearTimeout(timer)
    timer = null
    left = Math.max(0, left - (performance.now() - since))
  }
  run()
  return {
    signal: controller.signal,
    async paused(question) {
      pauses += 1
      halt()
      try {
        return await question()
      } finally {
        pauses -= 1
        if (pauses === 0) run()
      }
    },
    stop() {
      stopped = true
      halt()
    },
  }
}
