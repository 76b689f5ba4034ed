import { spawn } from 'node:child_process'
import path from 'node:path'
import {
  environmentOf,
  type HostSpec,
  hostOf,
  type InventoryParts,
  type Lab,
  labInventory,
  type LabHost,
  runInHost,
  shellInHost,
  up,
} from '../lab/index.ts'
import { testInstance } from './instance.ts'

const checkout = path.resolve(import.meta.dirname, '../..')

/** What a command of streamside answered. */
export interface Run {
  code: number | null
  stdout: string
  stderr: string
  /** With `--json`: its events. */
  events: Record<string, unknown>[]
}

/** Hosts of the lab, an inventory over them, and the command line that is tried on both. */
export interface Site {
  lab: Lab
  /** Path of the inventory. */
  inventory: string
  host(name: string): LabHost
  /** Writes the inventory anew. */
  rewrite(parts: InventoryParts): Promise<void>
  /** Runs `streamside ARGS… --inventory …` to its end. */
  run(args: string[], options?: RunOptions): Promise<Run>
  /** `provision --json --accept-new`; throws with what it said unless it exits with `exit` (default 0). */
  provision(args?: string[], exit?: number): Promise<Run>
}

export interface RunOptions {
  env?: NodeJS.ProcessEnv
  input?: string
  cwd?: string
  /** The checkout whose command line runs. Default: this one. */
  checkout?: string
  /** Gets the child's process id: a test kills it in the middle. */
  onStart?: (pid: number) => void
  onLine?: (line: string) => void
}

/**
 * Boots hosts (those that are up already stay) and writes an inventory for them. Each test file uses host names, app names
 * and a replica prefix of its own, so that files do not disturb each other.
 */
export async function site(name: string, hosts: HostSpec[], parts: InventoryParts): Promise<Site> {
  const lab = await up(hosts, { instance: testInstance })
  const write = (next: InventoryParts) =>
    labInventory(lab, { ...next, replica: { prefix: name, ...next.replica } }, name)
  const inventory = await write(parts)
  const environment = await environmentOf(lab.instance)
  const run = (args: string[], options: RunOptions = {}) =>
    streamside([...args, '--inventory', inventory], {
      ...options,
      env: { ...process.env, ...environment, NO_COLOR: '1', ...options.env },
    })
  return {
    lab,
    inventory,
    host: (host) => hostOf(lab, host),
    rewrite: async (next) => {
      await write(next)
    },
    run,
    provision: async (args = [], exit = 0) => {
      const answer = await run(['provision', '--json', '--accept-new', ...args])
      if (answer.code !== exit)
        throw new Error(`provision exited with ${answer.code}, not ${exit}:\n${answer.stdout}\n${answer.stderr}`)
      return answer
    },
  }
}

/** Runs the command line of this checkout, or of another. */
export async function streamside(args: string[], options: RunOptions = {}): Promise<Run> {
  const child = spawn(process.execPath, [path.join(options.checkout ?? checkout, 'src/bin.ts'), ...args], {
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  if (child.pid !== undefined) options.onStart?.(child.pid)
  child.stdin?.end(options.input)
  let stdout = ''
  let stderr = ''
  let rest = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
    rest += chunk.toString()
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) options.onLine?.(line)
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  const events = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  return { code, stdout, stderr, events }
}

/** Events of one type, for `expect`. */
export function eventsOf(run: Run, type: string): Record<string, unknown>[] {
  return run.events.filter((event) => event['type'] === type)
}

/** The lab's app: one host, one database, HTTP on a port of loopback. */
export function notesApp(host: string, port: number, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    host,
    release: { from: path.join(checkout, 'test/lab/app'), command: './notes' },
    packages: ['python3'],
    port,
    database: 'data/notes.db',
    environment: { DATABASE: 'data/notes.db' },
    health: { http: `http://127.0.0.1:${port}/health`, within: '30s' },
    ...more,
  }
}

/** Writes a row through the app, from within its host. */
export async function writeRow(host: LabHost, port: number, text: string): Promise<void> {
  await runInHost(host, ['curl', '-fsS', '--max-time', '10', '--data-binary', '@-', `http://127.0.0.1:${port}/rows`], {
    input: text,
  })
}

/** The rows that the app gives back, in order. */
export async function readRows(host: LabHost, port: number): Promise<string[]> {
  const answer = await shellInHost(host, 'curl -fsS --max-time 10 "http://127.0.0.1:$1/rows"', [String(port)])
  return (JSON.parse(answer) as { text: string }[]).map((row) => row.text)
}

/** Waits until `probe` gives something but null; throws with `what` after the deadline. */
export async function until<T>(what: string, seconds: number, probe: () => Promise<T | null>): Promise<T> {
  const deadline = Date.now() + seconds * 1000
  for (;;) {
    const found = await probe()
    if (found !== null) return found
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
