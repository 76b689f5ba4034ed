import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { directEndpoint, readAccess } from './access.ts'
import type { Instance } from './instances.ts'

/**
 * The bucket as tests see it. By default straight at the server, so that neither faults nor the request log are touched;
 * `through: 'proxy'` goes the hosts' way.
 */
export async function s3Client(instance: Instance, options: { through?: 'proxy' | 'server' } = {}): Promise<S3Client> {
  const { s3 } = await readAccess(instance)
  return new S3Client({
    endpoint: options.through === 'proxy' ? s3.endpoint : directEndpoint(instance),
    region: s3.region,
    forcePathStyle: true,
    credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
}

async function withClient<T>(instance: Instance, work: (client: S3Client, bucket: string) => Promise<T>): Promise<T> {
  const client = await s3Client(instance)
  try {
    return await work(client, (await readAccess(instance)).s3.bucket)
  } finally {
    client.destroy()
  }
}

/** True once the server answers for its bucket; false while it starts. */
export function bucketIsThere(instance: Instance): Promise<boolean> {
  return withClient(instance, (client, Bucket) =>
    client.send(new HeadBucketCommand({ Bucket }), { abortSignal: AbortSignal.timeout(2000) }).then(
      () => true,
      () => false,
    ),
  )
}

export interface ObjectEntry {
  key: string
  size: number
  /** As the server gave it, with its quotes. */
  etag: string
}

/** All objects below a prefix, in the order of their keys. */
export function listObjects(instance: Instance, prefix = ''): Promise<ObjectEntry[]> {
  return withClient(instance, async (client, Bucket) => {
    const entries: ObjectEntry[] = []
    let token: string | undefined
    do {
      const page = await client.send(new ListObjectsV2Command({ Bucket, Prefix: prefix, ContinuationToken: token }))
      for (const each of page.Contents ?? [])
        entries.push({ key: each.Key ?? '', size: each.Size ?? 0, etag: each.ETag ?? '' })
      token = page.NextContinuationToken
    } while (token !== undefined)
    return entries
  })
}

/** An object's bytes, or null when there is none. */
export function getObject(instance: Instance, key: string): Promise<Buffer | null> {
  return withClient(instance, async (client, Bucket) => {
    try {
      const answer = await client.send(new GetObjectCommand({ Bucket, Key: key }))
      return Buffer.from((await answer.Body?.transformToByteArray()) ?? [])
    } catch (error) {
      if ((error as Error).name === 'NoSuchKey') return null
      throw error
    }
  })
}

/** Writes an object, whatever was there. */
export async function putObject(instance: Instance, key: string, body: string | Buffer): Promise<void> {
  await withClient(instance, (client, Bucket) => client.send(new PutObjectCommand({ Bucket, Key: key, Body: body })))
}

/** Deletes all objects below a prefix; answers how many there were. */
export async function deleteObjects(instance: Instance, prefix: string): Promise<number> {
  const entries = await listObjects(instance, prefix)
  await withClient(instance, async (client, Bucket) => {
    for (let start = 0; start < entries.length; start += 20) {
      const batch = entries.slice(start, start + 20)
      await Promise.all(batch.map((each) => client.send(new DeleteObjectCommand({ Bucket, Key: each.key }))))
    }
  })
  return entries.length
}
