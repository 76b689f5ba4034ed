import { spawn } from 'node:child_process'
import path from 'node:path'

/** What is typed, and the text on the screen that it answers; null: whatever is asked, once the screen is still. */
export interface Typed {
  after: string | null
  type: string
}

/** Enter, and Ctrl-C, as a keyboard sends them in raw mode. */
export const enter = '\r'
export const ctrlC = '\u0003'

/**
 * Runs a program on a pseudo-terminal of its own, types at it, and gives back what was on the screen and how it ended (255 and the
 * like: by a signal).
 */
export async function onTerminal(
  argv: string[],
  steps: Typed[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<{ code: number | null; screen: string }> {
  const program = path.join(import.meta.dirname, 'type.py')
  const child = spawn('python3', [program, JSON.stringify(steps), ...argv], {
    ...options,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let screen = ''
  child.stdout.on('data', (chunk: Buffer) => {
    screen += chunk.toString()
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  return { code, screen }
}
