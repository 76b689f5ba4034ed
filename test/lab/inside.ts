import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { cardOf } from './card.ts'
import { hostCgroup } from './cgroup.ts'
import type { LabHost } from './lab-host.ts'

export interface InsideResult {
  code: number
  stdout: string
  stderr: string
}

export interface InsideOptions {
  input?: string | Buffer
  /** Seconds until the command is killed and an error thrown. Default 60. */
  deadlineSeconds?: number
  /** Return a failed command's result instead of throwing. */
  allowFailure?: boolean
}

/** This machine's pid of the host's PID 1, or null while the host is off. */
export async function leaderOf(host: LabHost): Promise<number | null> {
  const payload = path.join(await hostCgroup(host.instance, host.name), 'payload')
  // init moves itself into init.scope at the beginning of its boot
  for (const file of [path.join(payload, 'init.scope/cgroup.procs'), path.join(payload, 'cgroup.procs')]) {
    for (const pid of readOr(file).split('\n').filter(Boolean)) {
      if (/^NSpid:.*\t1$/m.test(readOr(`/proc/${pid}/status`))) return Number(pid)
    }
  }
  return null
}

/** What a file of /proc or /sys says; nothing when what it is about has ended meanwhile. */
export function readOr(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENODEV', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return ''
    throw error
  }
}

/**
 * Runs a command as root in a host without ssh: in its namespaces while it is on, in its card's tree (chroot) while it is
 * off. Throws unless it exits 0 (or `allowFailure`).
 */
export async function runInHost(host: LabHost, argv: string[], options: InsideOptions = {}): Promise<InsideResult> {
  const result = await runRaw(host, argv, options)
  const answer = { code: result.code, stdout: result.stdout.toString(), stderr: result.stderr }
  if (answer.code !== 0 && options.allowFailure !== true) {
    throw new Error(`on ${host.name}: ${argv.join(' ')} exited with ${answer.code}: ${answer.stderr || answer.stdout}`)
  }
  return answer
}

/** The same for a line of shell; `$1`, `$2`, … are `args`. */
export async function shellInHost(
  host: LabHost,
  script: string,
  args: string[] = [],
  options: InsideOptions = {},
): Promise<string> {
  return (await runInHost(host, ['sh', '-c', script, 'sh', ...args], options)).stdout
}

/** Writes a file on a host from outside, on or off; its folder is made when missing. */
export async function putFile(
  host: LabHost,
  file: string,
  content: string | Buffer,
  options: { mode?: string; owner?: string } = {},
): Promise<void> {
  const script = 'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1" && chown "$3" "$1"'
  await shellInHost(host, script, [file, options.mode ?? '0644', options.owner ?? 'root:root'], { input: content })
}

/** A tar of files and folders of a host (absolute paths), with owners and modes: an image to be put back later. */
export async function takeImage(host: LabHost, paths: string[]): Promise<Buffer> {
  const relative = paths.map((each) => each.replace(/^\/+/, ''))
  const result = await runRaw(host, ['tar', '-C', '/', '--numeric-owner', '-cf', '-', '--', ...relative])
  if (result.code !== 0) throw new Error(`taking an image of ${paths.join(', ')} on ${host.name}: ${result.stderr}`)
  return result.stdout
}

/** Puts an image back over what is there; with `replace` those paths are removed first, so that nothing newer stays beside. */
export async function putImage(host: LabHost, image: Buffer, options: { replace?: string[] } = {}): Promise<void> {
  if (options.replace?.length) await runInHost(host, ['rm', '-rf', '--', ...options.replace])
  await runInHost(host, ['tar', '-C', '/', '--numeric-owner', '-xpf', '-'], { input: image })
}

async function runRaw(
  host: LabHost,
  argv: string[],
  options: InsideOptions = {},
): Promise<{ code: number; stdout: Buffer; stderr: string }> {
  const leader = await leaderOf(host)
  const clean = [
    'env',
    '-i',
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'HOME=/root',
    'LC_ALL=C.UTF-8',
  ]
  const root = cardOf(host).root
  if (leader === null && !existsSync(path.join(root, 'etc'))) throw new Error(`${host.name} is off and has no card in`)
  const enter =
    leader === null
      ? ['chroot', root]
      : ['nsenter', `--target=${leader}`, '--mount', '--uts', '--ipc', '--net', '--pid', '--root', '--wd', '--']
  const [command = 'chroot', ...args] = [...enter, ...clean, ...argv]
  // a process group of its own: nsenter forks, and at the deadline both have to go
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  // a command that does not read its input closes the pipe; its exit status tells whether that was right
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  const deadline = options.deadlineSeconds ?? 60
  let late = false
  const timer = setTimeout(() => {
    late = true
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  }, deadline * 1000)
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status) => resolve(status ?? 137))
  }).finally(() => clearTimeout(timer))
  if (late) throw new Error(`on ${host.name}: ${argv.join(' ')} did not end within ${deadline} s`)
  return { code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }
}
