import { setTimeout as sleep } from 'node:timers/promises'
import type { ExecResult } from '../host/connection.ts'
import type { PayloadFile } from '../host/payload.ts'
import type { FileReplica } from '../inventory/model.ts'
import { freeAccountId } from '../desired/accounts.ts'
import { Problem } from '../problem.ts'
import { hostProgram } from '../templates/render.ts'
import { UnknownOutcome, type DataStore, type StoredObject } from './store.ts'

/** Runs a program as root on one host, in one exec; `runAsRoot` with what it needs of that host. */
export interface OnHost {
  /** Inventory name. */
  host: string
  run(job: {
    doing: string
    files: PayloadFile[]
    program: string
    args: string[]
    deadlineSeconds: number
  }): Promise<ExecResult>
  /** The user of an app on the host, where that is known; null: the one that its gate is told, else that of its own name. */
  userOf?(app: string): string | null
}

/** objects.sh gives up on a directory after 20 s, and is asked up to three times for one write. */
const deadlineSeconds = 90
/** Pauses between attempts of a read that the directory answered with an error, milliseconds. */
const pausesMs = [1000]

interface Answer {
  status: number
  code: string
  etag: string
  rest: string
  words: string
}

/**
 * A replica in a directory, as one of its hosts has it: each request is an exec there, carried out as the app's user
 * (templates/host/objects.sh). Keys are those of a bucket; an object's versions are files beside each other, made by link(2).
 */
export function openDirectoryStore(replica: FileReplica, onHost: OnHost): DataStore {
  const { host } = onHost
  const where = `${replica.path} on ${host} (replica ${replica.name})`

  async function ask(doing: string, key: string, args: string[], body?: string): Promise<Answer> {
    const app = appOf(replica, key)
    const result = await onHost.run({
      doing,
      files: [
        { name: 'directory-store.sh', content: hostProgram('directory-store.sh') },
        { name: 'objects.sh', content: hostProgram('objects.sh') },
        ...(body === undefined ? [] : [{ name: 'body', content: body }]),
      ],
      program: 'directory-store.sh',
      args: [app, onHost.userOf?.(app) ?? '-', String(freeAccountId(app, new Set())), replica.path, ...args],
      deadlineSeconds,
    })
    const [head = '', ...rest] = result.stdout.split('\n')
    const [, status, code = '', etag = ''] = /^([0-9]+) (\S+) (\S+)$/.exec(head) ?? []
    const words = result.stderr.trim().split('\n')[0] ?? ''
    if (result.code !== 0 || status === undefined) {
      const found = words || (result.code === 124 || result.code === 137 ? 'no answer in time' : 'no answer')
      return { status: 500, code: 'NoAnswer', etag: '', rest: '', words: found }
    }
    return { status: Number(status), code, etag, rest: rest.join('\n'), words }
  }

  async function read(doing: string, key: string, args: string[]): Promise<Answer> {
    for (let tries = 0; ; tries++) {
      const answer = await ask(doing, key, args)
      const pause = answer.status >= 500 ? pausesMs[tries] : undefined
      if (pause === undefined) {
        if (answer.status === 200 || answer.status === 404) return answer
        throw problem(doing, answer)
      }
      await sleep(pause)
    }
  }

  function problem(doing: string, { status, code, words }: Answer): Problem {
    const told = { doing, found: words, host }
    if (code === 'NotMounted')
      return new Problem({
        ...told,
        code: 'replica-unmounted',
        next:
          replica.mount === null
            ? `mount it there (findmnt ${replica.path}), or say mount: under replica ${replica.name}; then run this again`
            : `see why it is not mounted (streamside ssh ${host} systemctl status ${replica.path}), then run this again`,
      })
    if (status === 501)
      return new Problem({
        ...told,
        code: 'replica-no-hard-links',
        next: 'two owners could not be kept apart there: use a file system that has them (ext4, btrfs, xfs, NFS), or a bucket',
      })
    if (status === 403)
      return new Problem({
        ...told,
        code: code === 'ReadOnly' ? 'replica-read-only' : code === 'NoSpace' ? 'replica-full' : 'replica-denied',
        next:
          code === 'AccessDenied'
            ? 'let the app\u2019s user in: on the server its number must be the same, and not squashed; its folder has to be its own'
            : 'mend what is mounted there, then run this again',
      })
    return new Problem({
      ...told,
      code: 'replica-unreachable',
      next: `look at what is mounted on ${replica.path} of ${host}, and at its server; then run this again`,
    })
  }

  const lines = (answer: Answer) => answer.rest.split('\n').filter(Boolean)

  return {
    where,

    async get(key): Promise<StoredObject | null> {
      const answer = await read(`reading ${key} in ${where}`, key, ['get', key])
      return answer.status === 404 ? null : { body: answer.rest, etag: answer.etag }
    },

    async put(key, body, condition) {
      const doing = `writing ${key} in ${where}`
      if (condition.kind === 'none') throw new TypeError('a version is written over another one, or as the first')
      const wanted = condition.kind === 'absent' ? ['absent'] : ['match', condition.etag]
      let answer: Answer
      try {
        answer = await ask(doing, key, ['put', key, ...wanted], body)
      } catch (error) {
        // A lost connection: the host may have done it.
        if (error instanceof Problem) throw new UnknownOutcome(`${doing}: ${error.found}`)
        throw error
      }
      if (answer.status === 200) return 'done'
      if (answer.status === 412) return 'conflict'
      if (answer.status === 500) throw new UnknownOutcome(`${doing}: ${answer.words}`)
      throw problem(doing, answer)
    },

    async list(prefix, limit) {
      return lines(await read(`listing ${prefix} in ${where}`, prefix, ['list', prefix, String(limit)]))
    },

    async written(prefix, limit) {
      const doing = `listing ${prefix} in ${where}`
      const all = lines(await read(doing, prefix, ['written', prefix, String(limit + 1)]))
      if (all.length > limit) return null
      return all.flatMap((line) => {
        const [, seconds, key] = /^(\d+)\.\d+ (.+)$/.exec(line) ?? []
        return key === undefined ? [] : [{ key, at: Number(seconds) * 1000 }]
      })
    },

    async folders(prefix, limit) {
      return lines(await read(`listing ${prefix} in ${where}`, prefix, ['folders', prefix, String(limit)]))
    },

    beginning() {
      throw new TypeError('what data lie in a directory is asked by its host')
    },

    copy() {
      throw new TypeError('nothing in a directory is copied')
    },

    remove() {
      throw new TypeError('nothing in a directory is removed')
    },

    close() {},
  }
}

/** Whose folder a key lies in: that app's user is the one who may look. */
function appOf(replica: FileReplica, key: string): string {
  const own = replica.prefix === '' ? key : key.slice(replica.prefix.length + 1)
  return (own.split('/')[0] ?? '').split('@')[0] ?? ''
}
