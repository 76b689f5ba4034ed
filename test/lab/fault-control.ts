import { existsSync } from 'node:fs'
import { request } from 'node:http'
import path from 'node:path'
import { directEndpoint } from './access.ts'
import { daemonLog, startDaemon } from './daemon.ts'
import type { Fault, RequestRecord } from './faults.ts'
import { bridgeAddressOf, type Instance } from './instances.ts'
import { ports } from './network.ts'
import { until } from './shell.ts'

const program = path.join(import.meta.dirname, 'fault-proxy-main.ts')
const socketOf = (instance: Instance): string => path.join(instance.records, 'fault-proxy.sock')

/** Starts the fault proxy before the S3 server; nothing to do when it runs. */
export async function startProxy(instance: Instance): Promise<void> {
  const argv = [
    process.execPath,
    program,
    bridgeAddressOf(instance),
    String(ports.s3),
    directEndpoint(instance),
    socketOf(instance),
  ]
  await startDaemon(instance, 'fault-proxy', argv as [string, ...string[]])
  const answers = (): Promise<boolean> =>
    existsSync(socketOf(instance))
      ? proxyControl(instance, 'GET', '/faults').then(
          () => true,
          () => false,
        )
      : Promise.resolve(false)
  await until(`the fault proxy (${daemonLog(instance, 'fault-proxy')})`, 20, answers)
}

/** One call to the proxy's control socket. */
export function proxyControl(instance: Instance, method: string, route: string, body?: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: socketOf(instance), method, path: route, agent: false }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('error', reject)
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        if (answer.statusCode === 200) resolve(JSON.parse(text))
        else reject(new Error(`the fault proxy of the lab ${instance.name} refused ${method} ${route}: ${text}`))
      })
    })
    call.on('error', (cause) =>
      reject(new Error(`the fault proxy of the lab ${instance.name} does not answer: ${cause.message}`, { cause })),
    )
    call.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/** Replaces all faults; they act from the next request on. `[]` ends them. */
export async function setFaults(instance: Instance, faults: Fault[]): Promise<void> {
  await proxyControl(instance, 'PUT', '/faults', faults)
}

/** The faults as they stand, counts brought up to date. */
export const getFaults = (instance: Instance): Promise<Fault[]> =>
  proxyControl(instance, 'GET', '/faults') as Promise<Fault[]>

/** All requests that have ended since the log was cleared, in the order in which they ended. */
export const requestLog = (instance: Instance): Promise<RequestRecord[]> =>
  proxyControl(instance, 'GET', '/log') as Promise<RequestRecord[]>

export async function clearRequestLog(instance: Instance): Promise<void> {
  await proxyControl(instance, 'DELETE', '/log')
}

/** Bytes sent to the bucket (bodies of PUT and POST) since the log was cleared; `from` counts one host only. */
export async function uploadedBytes(instance: Instance, from?: string): Promise<number> {
  const uploads = (await requestLog(instance)).filter(
    (each) => /^(PUT|POST)$/.test(each.method) && (from === undefined || each.from === from),
  )
  return uploads.reduce((sum, each) => sum + each.bytesIn, 0)
}
