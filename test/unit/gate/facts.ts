import type { Owner } from '../../../src/replica/owner.ts'
import type { Facts } from '../../model/verdicts.ts'

/** Ids of machines, as host-id.sh prints them. */
export const me = 'a'.repeat(64)
export const other = 'b'.repeat(64)

export const path = 'e0002-0000000a'
export const oldPath = 'e0001-0000000b'

/** Litestream's transaction id of a number. */
export const tx = (id: number): string => id.toString(16).padStart(16, '0')

/** A sound owner object, held by this host. */
export function owner(change: Partial<Owner> = {}): Owner {
  return {
    v: 1,
    epoch: 2,
    path,
    write: '00000000-0000-4000-8000-000000000001',
    holder: { host: 'pi', id: me },
    from: null,
    uid: 700,
    gid: 700,
    dbs: { main: { init: true } },
    past: [{ path: oldPath, host: 'pi', end: { main: tx(5) } }],
    ...change,
  }
}

/** What a GET of the owner object found. */
export function found(body: unknown): Record<string, unknown> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return { curl: 0, http: 200, s3: '', error: '', etag: '"1"', date: 1000, body: text }
}

export function answered(http: number, s3 = ''): Record<string, unknown> {
  return { curl: 0, http, s3, error: '', etag: '', date: 1000, body: null }
}

export function noAnswer(curl: number, error: string): Record<string, unknown> {
  return { curl, http: 0, s3: '', error, etag: '', date: null, body: null }
}

export const fileId = { inode: 7, size: 8192, mtime: 900, counter: 3 }

/** A database that lies here, fully replicated, and what its WAL says. */
export function here(change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    file: true,
    l0: tx(9),
    wal: 'covers',
    id: fileId,
    walId: '8 4152 900',
    short: false,
    barred: null,
    ...change,
  }
}
export const gone = { file: false, l0: null, wal: 'missing', id: null, walId: null, short: false, barred: null }

/** A database that is there, and that the app's user cannot read; `by` as barred.sh says it. */
export function barred(by: Record<string, string> = {}, change: Record<string, unknown> = {}): Record<string, unknown> {
  const what = '/var/lib/notes/notes.db'
  return here({ l0: null, wal: 'unread', barred: { why: 'owner', what, owner: 'root', ...by }, ...change })
}

export function claim(change: Record<string, unknown> = {}): Record<string, unknown> {
  return { path, epoch: 2, id: me, restored: {}, source: null, proven: true, ...change }
}

/** A question as gate.sh asks it: a host that runs in peace, but for what is changed. */
export function asked(ask: string, change: Record<string, unknown> = {}): Facts {
  return {
    app: 'notes',
    host: 'pi',
    where: 'replica nas',
    dbs: ['main'],
    policy: { unreachable: 'start', limit: 86400, ephemeral: false },
    me,
    now: 1000,
    synchronised: true,
    waited: 30,
    uuid: '00000000-0000-4000-8000-000000000002',
    random: '0badcafe',
    owner: found(owner()),
    local: { main: here() },
    remote: { main: { max: tx(9) } },
    mark: null,
    claim: claim(),
    tip: null,
    clean: null,
    started: null,
    data: null,
    lastData: null,
    lastOwner: { read: 900, owner: owner() },
    restoring: false,
    fenced: false,
    rescue: false,
    once: false,
    running: false,
    ...change,
    ask,
  }
}
