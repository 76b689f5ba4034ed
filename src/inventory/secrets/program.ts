import { spawn } from 'node:child_process'

export interface ProgramOptions {
  cwd: string
  env: NodeJS.ProcessEnv
  /** After which the program is killed. */
  seconds: number
  /** The program may ask on the terminal (`op` for a fingerprint, `pass` for a passphrase). */
  mayAsk: boolean
  /** Said on the terminal when there is no answer after 3 s. */
  waiting?: string
}

export type ProgramAnswer = { stdout: Buffer } | { failed: string }

const longest = 1024 * 1024
const patientSeconds = 3

/**
 * Runs a program (no shell) and collects its stdout, at most 1 MiB. What it says on stderr goes to the terminal when there
 * is one and nowhere else: it may hold what must not be seen, so it never becomes part of a message.
 */
export async function runProgram(argv: string[], options: ProgramOptions): Promise<ProgramAnswer> {
  const [program = '', ...args] = argv
  const terminal = options.mayAsk && process.stderr.isTTY
  return await new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env,
      stdio: [terminal ? 'inherit' : 'ignore', 'pipe', terminal ? 'inherit' : 'ignore'],
    })
    const chunks: Buffer[] = []
    let length = 0
    let failed: string | null = null
    const stop = (why: string) => {
      failed ??= why
      child.kill('SIGKILL')
      // A grandchild may hold the pipe open for ever.
      child.stdout.destroy()
    }
    const timer = setTimeout(() => stop('late'), options.seconds * 1000)
    const patience = setTimeout(() => {
      if (options.waiting !== undefined && process.stderr.isTTY) process.stderr.write(`${options.waiting}\n`)
    }, patientSeconds * 1000)
    child.stdout.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > longest) stop('long')
      else chunks.push(chunk)
    })
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      clearTimeout(patience)
      resolve({ failed: error.code === 'ENOENT' ? 'missing' : (error.code ?? 'could not be started') })
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      clearTimeout(patience)
      if (failed !== null) resolve({ failed })
      else if (code === 0) resolve({ stdout: Buffer.concat(chunks) })
      else resolve({ failed: signal === null ? `exit status ${code}` : `ended by ${signal}` })
    })
  })
}

/** The answer of `runProgram` as the second half of a sentence that begins with the program's name. */
export function failureText(failed: string, seconds: number): string {
  if (failed === 'missing') return 'is not installed'
  if (failed === 'late') return `gave no answer within ${seconds} s`
  if (failed === 'long') return 'printed more than 1 MiB'
  return `failed (${failed})`
}
