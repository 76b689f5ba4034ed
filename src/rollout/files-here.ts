import { z } from 'zod'
import type { SshConnection } from '../host/connection.ts'
import { runAsRoot } from '../host/root.ts'
import type { Host } from '../inventory/model.ts'
import { Problem } from '../problem.ts'
import { hostProgram } from '../templates/render.ts'
import type { RunContext } from './context.ts'

/** What lies on a host of one database (templates/host/wal.sh). */
export interface FileHere {
  /** A database is there, or something that cannot be read. */
  file: boolean
  /** Highest transaction that Litestream has counted there, 16 hex digits; null = none. */
  l0: string | null
  /** Pages of it are missing, which nothing brings back. */
  short: boolean
  /** What of it the app's user cannot read; null = nothing. */
  barred: string | null
}

const answer = z.record(
  z.string(),
  z
    .object({
      file: z.boolean(),
      l0: z.string().nullable(),
      short: z.union([z.boolean(), z.literal('unknown')]),
      barred: z.object({ what: z.string() }).nullable(),
    })
    .transform(({ file, l0, short, barred }): FileHere => ({
      file,
      l0,
      short: short === true,
      barred: barred?.what ?? null,
    })),
)

/** Seconds: its lock may be held for a minute, and big WALs are read through. */
const deadlineSeconds = 300

/**
 * What lies on the host of an app's databases, by name. Asked under the app's lock, with the gate's own programs.
 * @throws Problem `files-unknown`
 */
export async function filesHere(
  context: RunContext,
  host: Host,
  app: string,
  connection: SshConnection,
): Promise<ReadonlyMap<string, FileHere>> {
  const doing = `looking at the files of ${app} on ${host.name}`
  const { code, stdout, stderr } = await runAsRoot(connection, {
    doing,
    files: [{ name: 'files-here.sh', content: hostProgram('files-here.sh') }],
    workIn: '/run/streamside',
    program: 'files-here.sh',
    args: [app],
    sudoPassword: host.sudoPassword,
    ...(context.askSudoPassword ? { askPassword: () => context.askSudoPassword!(host.name) } : {}),
    deadlineSeconds,
  })
  const found = code === 0 ? answer.safeParse(jsonOf(stdout)) : null
  if (found?.success) return new Map(Object.entries(found.data))
  throw new Problem({
    code: 'files-unknown',
    doing,
    found: stderr.trim().replace(/^<\d>/, '') || `the program on the host ended with status ${code}`,
    next: `run streamside provision, then this again; streamside logs ${app} says more`,
    host: host.name,
    app,
  })
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
