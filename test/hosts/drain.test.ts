import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type LabHost, putFile, shellInHost } from '../lab/index.ts'
import { eventsOf, type Run, type Site, site, until } from './site.ts'

vi.setConfig({ testTimeout: 180_000 })

const port = 8331
const app = 'drained'
const names = ['dra-one', 'dra-two']
let lab: Site
let proxy: LabHost
let scratch: string
let release: string

const serve = (version: string) => `#!/usr/bin/python3
import os, signal, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        out = self.path == '/health' and os.path.exists('out-of-service')
        self.send_response(503 if out else 200)
        self.end_headers()
        self.wfile.write(b'${version}')
    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(('', ${port}), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
`

const haproxy = (servers: string[]) => `
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
  retries 0
frontend all
  bind 127.0.0.1:8000
  default_backend apps
backend apps
  balance roundrobin
  option httpchk GET /health
${servers.map((address, n) => `  server app${n} ${address}:${port} check inter 200ms fall 1 rise 1`).join('\n')}
`

const client = `
import os, time, urllib.request
good, bad, began = 0, [], time.monotonic()
while os.path.exists('/run/asking') and time.monotonic() - began < 120:
    try:
        urllib.request.urlopen('http://127.0.0.1:8000/', timeout=3).read()
        good += 1
    except OSError as error:
        bad.append(str(error))
    time.sleep(0.01)
print(good, len(bad), bad[:3])
`

const apps = (more: Record<string, unknown> = {}) => ({
  [app]: {
    hosts: names,
    release: { from: release, command: './serve' },
    packages: ['python3'],
    port,
    health: { http: `http://127.0.0.1:${port}/health`, within: '15s' },
    drain: { file: { path: 'out-of-service', wait: '2s' } },
    ...more,
  },
})

async function newRelease(version: string): Promise<void> {
  await writeFile(path.join(release, 'serve'), serve(version))
  await chmod(path.join(release, 'serve'), 0o755)
}

/** What a client sees that asks all the time, through HAProxy, while something is done. */
async function whileAsking(work: () => Promise<Run>): Promise<{ run: Run; good: number; bad: number; says: string }> {
  await shellInHost(proxy, ': >/run/asking')
  const asking = shellInHost(proxy, 'python3 -c "$1"', [client], { deadlineSeconds: 150 })
  await new Promise((resolve) => setTimeout(resolve, 1000))
  let run: Run
  try {
    run = await work()
    await new Promise((resolve) => setTimeout(resolve, 1000))
  } finally {
    await shellInHost(proxy, 'rm -f /run/asking')
  }
  const says = (await asking).trim()
  const [good = 0, bad = 0] = says.split(' ').map(Number)
  return { run, good, bad, says }
}

const page = (name: string) =>
  shellInHost(lab.host(name), 'curl -fsS --max-time 5 "http://127.0.0.1:$1/"', [String(port)])

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'streamside-drain-'))
  release = path.join(scratch, 'release')
  await mkdir(release)
  await newRelease('one')
  lab = await site('drain', [...names.map((name) => ({ name })), { name: 'dra-proxy' }], { apps: apps() })
  proxy = lab.host('dra-proxy')
  await lab.provision(['--limit', app])
  await shellInHost(
    proxy,
    'apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends haproxy python3 curl >/dev/null',
    [],
    { deadlineSeconds: 300 },
  )
  await putFile(proxy, '/etc/haproxy/haproxy.cfg', haproxy(names.map((name) => lab.host(name).address)))
  await shellInHost(proxy, 'systemctl restart haproxy')
  await until('HAProxy to have both', 20, async () =>
    (await shellInHost(proxy, 'curl -fsS --max-time 2 http://127.0.0.1:8000/ || :')) === 'one' ? true : null,
  )
}, 400_000)

afterAll(async () => {
  await rm(scratch, { recursive: true, force: true })
})

test('behind a real HAProxy no request fails while an app rolls over its hosts', async () => {
  await newRelease('two')
  const { run, good, bad, says } = await whileAsking(() => lab.run(['update', app, '--json']))
  expect(run.code, run.stdout + run.stderr).toBe(0)
  expect(eventsOf(run, 'app-rolled').map((event) => event['host'])).toEqual(names)
  expect(bad, says).toBe(0)
  expect(good).toBeGreaterThan(100)
  for (const name of names) expect(await page(name)).toBe('two')
})

test('nor with a release that does not get well: it is put back on the first host, which is in service again', async () => {
  await writeFile(path.join(release, 'serve'), '#!/bin/sh\nexit 3\n')
  const { run, bad, says } = await whileAsking(() => lab.run(['update', app, '--json']))
  await newRelease('two')
  expect(run.code).toBe(4)
  expect(bad, says).toBe(0)
  for (const name of names) {
    expect(await page(name)).toBe('two')
    expect(await shellInHost(lab.host(name), 'ls -A "/var/lib/$1"', [app])).toBe('')
  }
})

test('a transaction that is killed while it waits leaves no host out of service', async () => {
  const killing: Promise<unknown>[] = []
  const run = await lab.run(['restart', app, '--limit', names[0]!, '--json'], {
    onLine: (line) => {
      const event = JSON.parse(line) as { type: string; step?: string }
      if (killing.length === 0 && event.type === 'host-step' && event.step === 'drain')
        killing.push(
          shellInHost(lab.host(names[0]!), "sleep 0.5; systemctl kill --signal=SIGKILL 'streamside-apply-*'"),
        )
    },
  })
  expect(killing).toHaveLength(1)
  await Promise.all(killing)
  expect(run.code).toBe(1)
  await until('the app to be in service', 20, async () =>
    (await shellInHost(lab.host(names[0]!), 'curl -fsS --max-time 2 "http://127.0.0.1:$1/health" || :', [
      String(port),
    ])) === ''
      ? null
      : true,
  )
})
