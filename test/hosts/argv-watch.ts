/**
 * Watches the arguments of every process of this machine, those of lab hosts among them, for texts that must not be there.
 *
 * Stdin: a JSON list of texts, one line; its end ends the watch. Stdout: {rounds, programs, found}: how often all processes
 * were looked at, the first words seen, and the command lines that held one of the texts.
 * A process is looked at again and again while it is young: between fork and exec it still shows its parent's arguments.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const youngMilliseconds = 60
const firstSeen = new Map<string, number>()
const programs = new Set<string>()
const found = new Set<string>()
let rounds = 0
let texts: string[] = []

function look(): void {
  const now = performance.now()
  rounds += 1
  const all = rounds % 25 === 0
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    const since = firstSeen.get(pid)
    if (since === undefined) firstSeen.set(pid, now)
    else if (!all && now - since > youngMilliseconds) continue
    const words = argumentsOf(pid)
    programs.add(words.split('\0')[0] ?? '')
    if (texts.some((text) => words.includes(text))) found.add(words.replaceAll('\0', ' '))
  }
  setImmediate(look)
}

function argumentsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return '' // it has ended
  }
}

const input = createInterface({ input: process.stdin })
input.once('line', (line) => {
  texts = JSON.parse(line) as string[]
  look()
  process.stdout.write('watching\n')
})
input.once('close', () => {
  process.stdout.write(`${JSON.stringify({ rounds, programs: [...programs], found: [...found] })}\n`, () =>
    process.exit(0),
  )
})
