import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { down, environmentOf, type Lab, labInventory, up, wipe } from '../lab/index.ts'

/**
 * Whole-process times of `streamside provision`, beside `ssh host true` on the same hosts in the same run: machines are
 * noisy, so the ratio is what can be compared.
 */
const instance = 'bench'
const checkout = path.resolve(import.meta.dirname, '../..')
const repetitions = 9
const execute = promisify(execFile)

const counts = process.argv.slice(2).map(Number)
if (counts.some((count) => !Number.isInteger(count) || count < 1 || count > 20)) {
  process.stderr.write('usage: scripts/bench [NUMBER OF HOSTS…]\n')
  process.exitCode = 2
} else {
  await bench(counts.length > 0 ? counts : [1, 3, 5])
}

async function bench(sizes: number[]): Promise<void> {
  process.stdout.write(
    `median of ${repetitions} runs (fresh: one run), seconds; one app with a database and its Litestream a host\n\n` +
      'hosts   fresh   no-op   ssh true   no-op / ssh true   execs a host\n',
  )
  await down({ instance })
  try {
    for (const size of sizes) {
      const names = Array.from({ length: size }, (_, n) => `bench-${n + 1}`)
      const lab = await up(
        names.map((name) => ({ name })),
        { instance },
      )
      for (const host of lab.hosts) await wipe(host)
      const row = await measure(lab, names, `bench-${size}`)
      process.stdout.write(
        `${String(size).padStart(5)}   ${row.fresh.toFixed(1).padStart(5)}   ${row.noop.toFixed(2).padStart(5)}   ` +
          `${row.ssh.toFixed(2).padStart(8)}   ${(row.noop / row.ssh).toFixed(1).padStart(16)}   ${String(row.execs).padStart(12)}\n`,
      )
      await down({ instance })
    }
  } finally {
    await down({ instance })
  }
}

async function measure(lab: Lab, names: string[], name: string) {
  const apps = Object.fromEntries(names.map((host, n) => [`notes${n + 1}`, app(host)]))
  const inventory = await labInventory(lab, { apps, replica: { prefix: name } }, name)
  const environment = { ...process.env, ...(await environmentOf(lab.instance)) }
  const provision = async () =>
    execute(
      process.execPath,
      [path.join(checkout, 'src/bin.ts'), 'provision', '--json', '--accept-new', '-i', inventory],
      {
        env: environment,
        maxBuffer: 64 * 1024 * 1024,
      },
    )
  const ssh = async (host: string) =>
    execute('ssh', [
      '-F',
      path.join(lab.instance.access, 'ssh_config'),
      '-o',
      'StrictHostKeyChecking=yes',
      host,
      'true',
    ])
  const fresh = await seconds(provision)
  const noop: number[] = []
  const bare: number[] = []
  let execs = 0
  for (let n = 0; n < repetitions; n += 1) {
    let answer = ''
    noop.push(await seconds(async () => (answer = (await provision()).stdout)))
    bare.push(await seconds(() => Promise.all(names.map(ssh))))
    const done = answer
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { type: string; execs: number; changes: number })
      .filter(({ type }) => type === 'host-done')
    if (done.some(({ changes }) => changes !== 0)) throw new Error(`a second run changed something:\n${answer}`)
    execs = Math.max(...done.map((each) => each.execs))
  }
  return { fresh, noop: median(noop), ssh: median(bare), execs }
}

function app(host: string): Record<string, unknown> {
  return {
    host,
    release: { from: path.join(checkout, 'test/lab/app'), command: './notes' },
    packages: ['python3'],
    port: 8080,
    database: 'data/notes.db',
    environment: { DATABASE: 'data/notes.db' },
    health: { http: 'http://127.0.0.1:8080/health', within: '60s' },
  }
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1000
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
