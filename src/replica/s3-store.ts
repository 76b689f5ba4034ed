import { setTimeout as sleep } from 'node:timers/promises'
import type { S3Client } from '@aws-sdk/client-s3'
import type { S3Replica } from '../inventory/model.ts'
import { Problem } from '../problem.ts'
import { agentsFor } from './agents.ts'
import { classify, s3Problem, type S3Failure } from './s3-failure.ts'
import {
  UnknownOutcome,
  type Condition,
  type DataStore,
  type StoredObject,
  type StoreLimits,
  type Written,
} from './store.ts'
import { direct, type Way } from './way.ts'

/** A contended conditional PUT takes SeaweedFS 1 to 6 s (measured), so a PUT gets 15. */
export const storeLimits: StoreLimits = { readMs: 5000, writeMs: 15_000, readPausesMs: [500, 1500] }

/** The server reads and writes a whole image for one copy; 5 GB are the most that it may be (CopyObject). */
const copyMs = 10 * 60 * 1000

/** Owner objects have some kB. Anything larger is not one, and is not read into memory. */
const largestObject = 1024 * 1024

/**
 * Opens the bucket of a replica. No request is made yet. The SDK is loaded here, not at the top: it takes about 200 ms,
 * which `streamside --help` should not pay.
 * Throws Problem `ca-unreadable`.
 */
export async function openS3Store(
  replica: S3Replica,
  limits: StoreLimits = storeLimits,
  way: Way = direct,
): Promise<DataStore> {
  const { S3Client, CopyObjectCommand, GetObjectCommand, PutObjectCommand, ListObjectsV2Command, DeleteObjectCommand } =
    await import('@aws-sdk/client-s3')
  const client: S3Client = new S3Client({
    ...clientSettings(replica),
    requestHandler: { ...agentsFor(replica, way), connectionTimeout: limits.readMs },
  })
  const bucket = replica.bucket
  const through = way.kind === 'through' ? `, through the SSH connection of ${way.host}` : ''
  const where = `bucket ${bucket} at ${replica.endpoint} (replica ${replica.name}${through})`
  const problem = (failure: S3Failure, doing: string) => s3Problem(failure, doing, replica, way)

  async function read<T>(
    doing: string,
    attempt: (signal: AbortSignal) => Promise<T>,
    limitMs = limits.readMs,
  ): Promise<T> {
    for (let tries = 0; ; tries++) {
      try {
        return await withLimit(limitMs, attempt)
      } catch (error) {
        if (error instanceof Problem) throw error
        const failure = classify(error, limitMs)
        const pause = limits.readPausesMs[tries]
        if (!failure.transient || pause === undefined) throw problem(failure, doing)
        await sleep(pause)
      }
    }
  }

  function listing(asked: { Prefix: string; MaxKeys: number; Delimiter?: string; ContinuationToken?: string }) {
    const doing = `listing ${asked.Prefix} in ${where}`
    return read(doing, async (abortSignal) => {
      const answer = await client.send(new ListObjectsV2Command({ Bucket: bucket, ...asked }), { abortSignal })
      // The SDK takes any page with status 200 for a listing of nothing, and "nothing there" permits CREATE.
      if (answer.Name !== bucket)
        throw problem({ ...notS3, text: 'an answer with status 200 that is no listing of the bucket' }, doing)
      return answer
    })
  }

  return {
    where,

    get(key) {
      const doing = `reading ${key} in ${where}`
      return read(doing, async (abortSignal): Promise<StoredObject | null> => {
        try {
          const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }), { abortSignal })
          if ((answer.ContentLength ?? 0) > largestObject)
            throw problem({ ...notS3, text: `${answer.ContentLength} bytes` }, doing)
          if (!answer.Body || !answer.ETag) throw problem({ ...notS3, text: 'an answer without body or etag' }, doing)
          return { body: await answer.Body.transformToString(), etag: answer.ETag }
        } catch (error) {
          // Only the server's own word for a missing key counts: a 404 of a proxy or of another web server does not.
          if (classify(error, limits.readMs).code === 'NoSuchKey') return null
          throw error
        }
      })
    },

    beginning(key, bytes) {
      return read(`reading ${key} in ${where}`, async (abortSignal) => {
        try {
          const Range = `bytes=0-${bytes - 1}`
          const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key, Range }), { abortSignal })
          // A server may ignore the range: what is not asked for is not read.
          if (!answer.Body || (answer.ContentLength ?? 0) > bytes) return null
          return Buffer.from(await answer.Body.transformToByteArray())
        } catch (error) {
          if (classify(error, limits.readMs).code === 'NoSuchKey') return null
          throw error
        }
      })
    },

    async put(key, body, condition) {
      const doing = `writing ${key} in ${where}`
      try {
        const answer = await withLimit(limits.writeMs, (abortSignal) =>
          client.send(
            new PutObjectCommand({
              Bucket: bucket,
              Key: key,
              Body: body,
              ContentType: 'application/json',
              ...conditionHeaders(condition),
            }),
            { abortSignal },
          ),
        )
        if (answer.ETag !== undefined) return 'done'
      } catch (error) {
        const failure = classify(error, limits.writeMs)
        if (isConflict(failure, condition)) return 'conflict'
        if (isUnknown(failure)) throw new UnknownOutcome(`${doing}: ${failure.text}`)
        throw problem(failure, doing)
      }
      // A login page of a router answers 200 to everything; every S3 server answers a PUT with an etag.
      throw new UnknownOutcome(`${doing}: HTTP 200 without an etag, so not from an S3 server`)
    },

    async list(prefix, limit) {
      const { Contents } = await listing({ Prefix: prefix, MaxKeys: limit })
      return (Contents ?? []).flatMap((object) => object.Key ?? [])
    },

    async written(prefix, limit) {
      const found: Written[] = []
      let rest: { ContinuationToken?: string } = {}
      for (;;) {
        const { Contents = [], NextContinuationToken } = await listing({ Prefix: prefix, MaxKeys: 1000, ...rest })
        for (const { Key, LastModified } of Contents)
          if (Key !== undefined && LastModified !== undefined) found.push({ key: Key, at: LastModified.getTime() })
        if (found.length > limit) return null
        if (NextContinuationToken === undefined) return found
        rest = { ContinuationToken: NextContinuationToken }
      }
    },

    copy(from, to) {
      const doing = `copying ${from} to ${to} in ${where}`
      return read(
        doing,
        async (abortSignal) => {
          try {
            const CopySource = [bucket, ...from.split('/')].map(encodeURIComponent).join('/')
            const answer = await client.send(new CopyObjectCommand({ Bucket: bucket, CopySource, Key: to }), {
              abortSignal,
            })
            // A copy may fail behind a status of 200; the SDK has looked into the body, and a page of a router has no etag.
            if (answer.CopyObjectResult?.ETag === undefined)
              throw problem({ ...notS3, text: 'an answer with status 200 that is no copy' }, doing)
            return true
          } catch (error) {
            if (['NoSuchKey', 'NotFound'].includes(classify(error, copyMs).code)) return false
            throw error
          }
        },
        copyMs,
      )
    },

    async folders(prefix, limit) {
      const { CommonPrefixes } = await listing({ Prefix: prefix, MaxKeys: limit, Delimiter: '/' })
      return (CommonPrefixes ?? []).flatMap((folder) => folder.Prefix ?? [])
    },

    remove(key) {
      return read(`deleting ${key} in ${where}`, async (abortSignal) => {
        await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }), { abortSignal })
      })
    },

    close() {
      client.destroy()
    },
  }
}

const notS3: S3Failure = { kind: 'answer', transient: false, status: 200, code: 'NotS3', text: '' }

function isConflict({ status, code }: S3Failure, condition: Condition): boolean {
  // If-Match on a missing key: 412 on most servers, 404 on AWS.
  return status === 412 || (code === 'NoSuchKey' && condition.kind === 'etag')
}

/** A PUT that the server may have carried out, or may yet. */
function isUnknown({ status, transient, kind }: S3Failure): boolean {
  // 501 also answers 5xx's question: the server has understood and will never do it.
  return status !== 501 && (status === 409 || (transient && kind !== 'unsent'))
}

function conditionHeaders(condition: Condition): { IfNoneMatch?: string; IfMatch?: string } {
  if (condition.kind === 'absent') return { IfNoneMatch: '*' }
  return condition.kind === 'etag' ? { IfMatch: condition.etag } : {}
}

function clientSettings(replica: S3Replica) {
  return {
    endpoint: replica.endpoint,
    region: replica.region,
    credentials: {
      accessKeyId: replica.accessKeyId.reveal(),
      secretAccessKey: replica.secretAccessKey.reveal(),
    },
    forcePathStyle: true,
    // The SDK's newer default adds checksum trailers that many S3-compatible servers refuse.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Repetition is ours: each PUT carries its own `write`, and a repetition hidden in the SDK would turn our own
    // success into a 412 that looks like somebody else's.
    maxAttempts: 1,
    // What the inventory says is the whole truth: not ~/.aws/config, not AWS_* variables.
    useFipsEndpoint: false,
    useDualstackEndpoint: false,
    useArnRegion: false,
    defaultsMode: 'standard',
  } as const
}

/** The whole attempt, body included, under one limit: the SDK's own time-outs leave a body that never ends. */
async function withLimit<T>(ms: number, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new DOMException(`no answer within ${ms / 1000} s`, 'TimeoutError'))
      limit.abort()
    }, ms)
  })
  try {
    return await Promise.race([attempt(limit.signal), late])
  } finally {
    clearTimeout(timer)
  }
}
