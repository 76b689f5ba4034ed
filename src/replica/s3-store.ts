import { readFileSync } from 'node:fs'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import type { S3Client } from '@aws-sdk/client-s3'
import type { S3Replica } from '../inventory/model.ts'
import { Problem } from '../problem.ts'
import { classify, s3Problem, type S3Failure } from './s3-failure.ts'
import { UnknownOutcome, type Condition, type ObjectStore, type StoredObject } from './store.ts'

/** Milliseconds. A contended conditional PUT takes SeaweedFS 1 to 6 s (measured), so a PUT gets 15. */
export interface StoreLimits {
  readMs: number
  writeMs: number
  /** Pauses between attempts of a read; their number is the number of repetitions. */
  readPausesMs: number[]
}

export const storeLimits: StoreLimits = { readMs: 5000, writeMs: 15_000, readPausesMs: [500, 1500] }

/** Owner objects have some kB. Anything larger is not one, and is not read into memory. */
const largestObject = 1024 * 1024

/** A bucket that holds data as well. */
export interface DataStore extends ObjectStore {
  /** At most the first `bytes` of an object, or null when there is none. Throws Problem. */
  beginning(key: string, bytes: number): Promise<Buffer | null>
}

/**
 * Opens the bucket of a replica. No request is made yet. The SDK is loaded here, not at the top: it takes about 200 ms,
 * which `streamside --help` should not pay.
 * Throws Problem `ca-unreadable`.
 */
export async function openS3Store(replica: S3Replica, limits: StoreLimits = storeLimits): Promise<DataStore> {
  const { S3Client, GetObjectCommand, PutObjectCommand, ListObjectsV2Command, DeleteObjectCommand } =
    await import('@aws-sdk/client-s3')
  const client: S3Client = new S3Client({
    ...clientSettings(replica),
    requestHandler: { ...agents(replica), connectionTimeout: limits.readMs },
  })
  const bucket = replica.bucket
  const where = `bucket ${bucket} at ${replica.endpoint} (replica ${replica.name})`

  async function read<T>(doing: string, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries++) {
      try {
        return await withLimit(limits.readMs, attempt)
      } catch (error) {
        if (error instanceof Problem) throw error
        const failure = classify(error, limits.readMs)
        const pause = limits.readPausesMs[tries]
        if (!failure.transient || pause === undefined) throw s3Problem(failure, doing, replica)
        await sleep(pause)
      }
    }
  }

  return {
    where,

    get(key) {
      const doing = `reading ${key} in ${where}`
      return read(doing, async (abortSignal): Promise<StoredObject | null> => {
        try {
          const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }), { abortSignal })
          if ((answer.ContentLength ?? 0) > largestObject)
            throw s3Problem({ ...notS3, text: `${answer.ContentLength} bytes` }, doing, replica)
          if (!answer.Body || !answer.ETag)
            throw s3Problem({ ...notS3, text: 'an answer without body or etag' }, doing, replica)
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
        return putOutcome(classify(error, limits.writeMs), condition, doing, replica)
      }
      // A login page of a router answers 200 to everything; every S3 server answers a PUT with an etag.
      throw new UnknownOutcome(`${doing}: HTTP 200 without an etag, so not from an S3 server`)
    },

    list(prefix, limit) {
      const doing = `listing ${prefix} in ${where}`
      return read(doing, async (abortSignal) => {
        const command = new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: limit })
        const answer = await client.send(command, { abortSignal })
        // The SDK takes any page with status 200 for a listing of nothing, and "nothing there" permits CREATE.
        if (answer.Name !== bucket)
          throw s3Problem(
            { ...notS3, text: 'an answer with status 200 that is no listing of the bucket' },
            doing,
            replica,
          )
        return (answer.Contents ?? []).flatMap((object) => object.Key ?? [])
      })
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

function putOutcome(failure: S3Failure, condition: Condition, doing: string, replica: S3Replica): 'conflict' {
  if (failure.status === 412) return 'conflict'
  // If-Match on a missing key: 412 on most servers, 404 on AWS.
  if (failure.code === 'NoSuchKey' && condition.kind === 'etag') return 'conflict'
  // 501 also answers 5xx's question: the server has understood and will never do it.
  if (failure.status !== 501 && (failure.status === 409 || (failure.transient && failure.kind !== 'unsent')))
    throw new UnknownOutcome(`${doing}: ${failure.text}`)
  throw s3Problem(failure, doing, replica)
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

function agents(replica: S3Replica): { httpAgent: HttpAgent; httpsAgent: HttpsAgent } {
  let ca: Buffer | undefined
  if (replica.ca !== null) {
    try {
      ca = readFileSync(replica.ca)
    } catch (error) {
      throw new Problem({
        code: 'ca-unreadable',
        doing: `opening replica ${replica.name}`,
        found: `its ca: ${replica.ca} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
        next: 'put the PEM file of the server’s certificate authority there, or correct ca: in the inventory',
      })
    }
  }
  return {
    httpAgent: new HttpAgent({ keepAlive: true }),
    httpsAgent: new HttpsAgent({ keepAlive: true, ...(ca === undefined ? {} : { ca }) }),
  }
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
