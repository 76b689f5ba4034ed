import type { Random } from './random.ts'

/**
 * One database on a host's disk, at the level at which the stale test looks at it: rows in the main file, rows in the WAL
 * of which the newest may not be on disk yet (synchronous=NORMAL), and Litestream's own level 0 files beside it.
 */
export type Rows = readonly number[]

/** One of Litestream's transaction files. `rows`: what the database holds once it is applied. */
export interface Ltx {
  txid: number
  rows: Rows
  history: number
  salt: number
  frames: number
}

export interface Wal {
  /** The random origin of its salts: two WALs that were made anew have nothing to do with each other. */
  history: number
  /** Grows by one at each reset. */
  salt: number
  rows: Rows
  /** How many of them a power cut cannot take. */
  durable: number
  checkpointed: boolean
  written: number
}

export interface Files {
  exists: boolean
  inode: number
  mtime: number
  base: Rows
  wal: Wal | null
  /** `.db-litestream`: null when the folder is not there. */
  l0: { max: number; ltx: readonly Ltx[] } | null
}

export function noFiles(): Files {
  return { exists: false, inode: 0, mtime: 0, base: [], wal: null, l0: null }
}

export function newFiles(inode: number, now: number, rows: Rows): Files {
  return { exists: true, inode, mtime: now, base: rows, wal: null, l0: null }
}

/** What SQLite would read. */
export function content(files: Files): Rows {
  return files.wal && !files.wal.checkpointed ? [...files.base, ...files.wal.rows] : files.base
}

/** One commit. A WAL that was checkpointed whole is begun again, under the next salt. */
export function commit(files: Files, row: number, now: number, random: Random): void {
  const { wal } = files
  if (wal === null) {
    files.wal = { history: random.int(2 ** 31), salt: 0, rows: [row], durable: 0, checkpointed: false, written: now }
  } else if (wal.checkpointed) {
    files.wal = { ...wal, salt: wal.salt + 1, rows: [row], durable: 0, checkpointed: false, written: now }
  } else {
    files.wal = { ...wal, rows: [...wal.rows, row], written: now }
  }
}

/** A checkpoint syncs the WAL first and the main file after it. */
export function checkpoint(files: Files, now: number): void {
  if (!files.wal || files.wal.checkpointed) return
  files.base = content(files)
  files.mtime = now
  files.wal = { ...files.wal, checkpointed: true, durable: files.wal.rows.length }
}

/** The last connection closes: everything into the main file, and the WAL goes. */
export function lastClose(files: Files, now: number): void {
  checkpoint(files, now)
  files.wal = null
}

export function flush(files: Files): void {
  if (files.wal) files.wal = { ...files.wal, durable: files.wal.rows.length }
}

/** What a power cut leaves: any part of the WAL's tail that was not synced may be gone. */
export function cutPower(files: Files, random: Random): void {
  const { wal } = files
  if (!wal || wal.checkpointed) return
  const left = wal.durable + random.int(wal.rows.length - wal.durable + 1)
  files.wal = { ...wal, rows: wal.rows.slice(0, left), durable: left }
}

export function hexTxid(txid: number): string {
  return txid.toString(16).padStart(16, '0')
}

export type WalKind = 'covers' | 'ahead' | 'behind' | 'foreign' | 'missing' | 'untouched'

/** The words of templates/host/wal.sh, from the same comparison. */
export function walKind(files: Files): WalKind {
  const last = files.l0?.ltx.at(-1)
  if (!last) return 'untouched'
  const { wal } = files
  if (!wal) return 'missing'
  if (wal.history !== last.history) return 'foreign'
  if (wal.salt !== last.salt) return wal.salt > last.salt ? 'ahead' : 'behind'
  return wal.rows.length >= last.frames ? 'covers' : 'behind'
}

export interface LocalFact {
  file: boolean
  l0: string | null
  wal: WalKind
  id: { inode: number; size: number; mtime: number; counter: number } | null
  walId: string | null
  short: boolean
  barred: null
}

/** What wal.sh prints of one database. */
export function localFact(files: Files): LocalFact {
  const l0 = files.l0?.ltx.at(-1) ? hexTxid(files.l0.max) : null
  if (!files.exists) return { file: false, l0, wal: 'missing', id: null, walId: null, short: false, barred: null }
  const size = 4096 * (1 + files.base.length)
  return {
    file: true,
    l0,
    wal: walKind(files),
    id: { inode: files.inode, size, mtime: files.mtime, counter: files.base.length },
    walId:
      files.wal &&
      `${files.inode} ${files.wal.history}-${files.wal.salt}-${files.wal.rows.length} ${files.wal.written}`,
    // nothing here cuts a file off, or takes it from its user
    short: false,
    barred: null,
  }
}

export function sameRows(one: Rows, other: Rows): boolean {
  const set = new Set(other)
  return set.size === new Set(one).size && one.every((row) => set.has(row))
}
