/** Lets the hosts of an app go one after the other, and stops them all once one has failed. */
export interface Turns {
  /**
   * Waits until nobody else has the turn of any of these apps, and takes all of them. Answers which of them has failed on
   * another host meanwhile; then there is no turn to give back. `done` is told which of them have failed here.
   */
  take(apps: readonly string[]): Promise<{ done: (failed: readonly string[]) => void } | { failed: FailedTurn }>
}

/** An app that another host did not get through with. */
export interface FailedTurn {
  app: string
  host: string
}

/**
 * Turns of the apps of one run. `rolling` false: everybody goes at once, and no failure holds anybody back.
 * @param host whose turns these are; the turns themselves are shared
 */
export function createTurns(rolling: boolean): (host: string) => Turns {
  const last = new Map<string, Promise<void>>()
  const failures = new Map<string, FailedTurn>()
  return (host) => ({
    async take(apps) {
      if (!rolling || apps.length === 0) return { done: () => {} }
      let release = () => {}
      const gone = new Promise<void>((resolve) => {
        release = resolve
      })
      // All at once, without an await between: two hosts that want the same apps never hold one each.
      const before = apps.flatMap((app) => last.get(app) ?? [])
      for (const app of apps) last.set(app, gone)
      await Promise.all(before)
      const failed = apps.map((app) => failures.get(app)).find((failure) => failure !== undefined)
      if (failed) {
        release()
        return { failed }
      }
      return {
        done(failed) {
          for (const app of apps) if (failed.includes(app)) failures.set(app, { app, host })
          release()
        },
      }
    },
  })
}
