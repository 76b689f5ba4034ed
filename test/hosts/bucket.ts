import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { type Instance, s3Client } from '../lab/index.ts'

/** A bucket beside the lab's own, for a test that takes it away. */
export async function makeBucket(instance: Instance, Bucket: string): Promise<void> {
  const client = await s3Client(instance)
  await client.send(new CreateBucketCommand({ Bucket }))
  client.destroy()
}

/** Deletes a bucket with all that is in it; what it gives back makes it again as it was. */
export async function takeBucketAway(instance: Instance, Bucket: string): Promise<() => Promise<void>> {
  const client = await s3Client(instance)
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }))
  const kept = new Map<string, Uint8Array>()
  for (const { Key = '' } of Contents) {
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }))
    if (Body) kept.set(Key, await Body.transformToByteArray())
    await client.send(new DeleteObjectCommand({ Bucket, Key }))
  }
  await client.send(new DeleteBucketCommand({ Bucket }))
  return async () => {
    await client.send(new CreateBucketCommand({ Bucket }))
    for (const [Key, Body] of kept) await client.send(new PutObjectCommand({ Bucket, Key, Body }))
    client.destroy()
  }
}

/** The JSON that an object of any bucket holds, or null when there is none. */
export async function readJson<T>(instance: Instance, Bucket: string, Key: string): Promise<T | null> {
  const client = await s3Client(instance)
  try {
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }))
    return JSON.parse((await Body?.transformToString()) ?? '') as T
  } catch (error) {
    if ((error as Error).name === 'NoSuchKey') return null
    throw error
  } finally {
    client.destroy()
  }
}
