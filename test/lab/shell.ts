import { $ as zx } from 'zx'

/**
 * zx for this room: quiet, and without the variables that would change what the lab's tools do. AWS_CA_BUNDLE stops every
 * Litestream command at its start, and a proxy of the machine's must not come between the lab and itself. An empty stdin: none of them has anything to ask a person.
 */
export const $ = zx({ quiet: true, env: toolEnvironment(), input: '' })

/** The environment for programs that the lab starts; `extra` on top. */
export function toolEnvironment(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  const { AWS_CA_BUNDLE: _, AWS_PROFILE: __, ...rest } = process.env
  return { ...rest, LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive', ...extra }
}

/** Waits for `condition` to come true; asks every `everyMs`. Throws `what` with the time waited when it never does. */
export async function until(
  what: string,
  seconds: number,
  condition: () => boolean | Promise<boolean>,
  everyMs = 50,
): Promise<void> {
  const end = performance.now() + seconds * 1000
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${seconds} s for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}
