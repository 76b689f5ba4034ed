import { connect, type Socket } from 'node:net'
import { type LabHost, shellInHost } from '../lab/index.ts'
import { until } from './site.ts'

/** Writes a line into a host's own log, as a program there does. */
export async function logOn(host: LabHost, text: string, tag = 'logging-test'): Promise<void> {
  await shellInHost(host, 'logger -t "$1" -- "$2"', [tag, text])
}

/** The files below /var/log/hosts of a log server that hold a text, relative to it, and how many lines of each do. */
export async function foundOn(server: LabHost, text: string): Promise<Record<string, number>> {
  const script = 'cd /var/log/hosts 2>/dev/null && grep -rcF -- "$1" . || :'
  const lines = (await shellInHost(server, script, [text])).split('\n').filter(Boolean)
  const counted = lines.map(
    (line) => [line.replace(/:[0-9]+$/, '').slice(2), Number(/[0-9]+$/.exec(line)?.[0])] as const,
  )
  return Object.fromEntries(counted.filter(([, count]) => count > 0))
}

/** Waits until a log server has a text, and answers where. */
export async function arrived(server: LabHost, text: string, seconds = 30): Promise<Record<string, number>> {
  return until(`${text} to arrive on ${server.name}`, seconds, async () => {
    const found = await foundOn(server, text)
    return Object.keys(found).length > 0 ? found : null
  })
}

/** A connection from this machine, which is no host of the inventory, to a log server. */
export async function dial(server: LabHost, port = 514): Promise<Socket> {
  const socket = connect(port, server.address)
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  return socket
}

/** Sends bytes and closes in order; resolves when the server has taken them. */
export async function send(server: LabHost, data: string | Buffer): Promise<void> {
  const socket = await dial(server)
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject).once('close', () => resolve())
    socket.end(data)
    socket.resume()
  })
}

/** Every path of a host's disk that a name from the network could make, but for what changes anyway. */
export async function pathsOf(host: LabHost): Promise<Set<string>> {
  const script = `find / -xdev \\( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/log/hosts -o -path /var/log/journal -o -path /var/spool/rsyslog -o -path /var/lib/systemd \\) -prune -o -print`
  return new Set((await shellInHost(host, script)).split('\n'))
}
