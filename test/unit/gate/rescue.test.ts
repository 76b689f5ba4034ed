import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

// rescue.sh with the power cut before each of the commands that it runs, and in the middle of each archive.

const program = path.resolve(import.meta.dirname, '../../../templates/host/rescue.sh')
const cutting = ['mktemp', 'sync', 'rm', 'ln', 'mv', 'tar', 'test']
let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'streamside-rescue-'))
  for (const name of ['bin', 'state', 'run', 'data']) mkdirSync(path.join(folder, name))
  for (const name of cutting)
    writeFileSync(
      path.join(folder, 'bin', name),
      `#!/bin/sh
PATH=/usr/bin:/bin
read -r left <"$LEFT"
if [ "$left" = 0 ]; then
  [ ${name} != tar ] || tar "$@" | head -c 700
  kill -KILL "$(cat "$LEFT.pid")"
  sleep 0.05
fi
echo $((left - 1)) >"$LEFT"
exec ${name} "$@"
`,
      { mode: 0o755 },
    )
})
afterEach(() => rmSync(folder, { recursive: true }))

function write(text: string): void {
  for (const name of ['a.db', 'b.db']) writeFileSync(path.join(folder, 'data', name), `${name} ${text}\n`.repeat(200))
}

/** Runs lines of shell after rescue.sh; the power is cut before its command number `commands`. */
function run(script: string, commands = 1_000_000): number | null {
  writeFileSync(path.join(folder, 'left'), `${commands}\n`)
  const given = `
    echo $$ >"$LEFT.pid"
    app=notes state=$2/state run=$2/run stamp=then kept=true
    say() { echo "$2" >&2; }
    as_app() { "$@"; }
    systemctl() { :; }
    alert() { :; }
    run_folder() { mkdir -p "$run/$1"; }
    each_db() { for db in $order; do path=$data/$db.db; "$@"; done; }
    data=$2/data order='a b'
    . "$1"
    ${script}`
  return spawnSync('dash', ['-euc', given, 'sh', program, folder], {
    encoding: 'utf8',
    env: { PATH: `${folder}/bin:/usr/bin:/bin`, LEFT: `${folder}/left` },
  }).status
}

/** What the next start would bring back; null when it finds nothing to bring back. */
function broughtBack(): string[] | null {
  if (!existsSync(path.join(folder, 'state/rescue'))) return null
  return ['a', 'b'].map((database) => {
    const name = path.join(folder, `state/rescue/${database}.tar`)
    const answer = spawnSync('tar', ['-xOf', name], { encoding: 'utf8' })
    expect(answer.status).toBe(0)
    return [...new Set(answer.stdout.trim().split('\n'))].join('|')
  })
}
const oldCopy = ['a.db old', 'b.db old']
const newCopy = ['a.db new', 'b.db new']
const rescues = (): string[] => readdirSync(path.join(folder, 'state')).filter((name) => /^rescue\.\w{8}$/.test(name))

describe('a rescue that a power cut ends', () => {
  test('leaves the copy of before or its own, whole, wherever it is cut', () => {
    const outcomes = new Set<string>()
    for (let commands = 0; ; commands++) {
      rmSync(path.join(folder, 'state'), { recursive: true })
      mkdirSync(path.join(folder, 'state'))
      write('old')
      expect(run('rescue')).toBe(0)
      write('new')
      const ended = run('rescue', commands)
      const copy = broughtBack()
      expect([commands, copy]).toEqual([commands, copy?.[0] === oldCopy[0] ? oldCopy : newCopy])
      outcomes.add(String(copy))
      if (ended === 0) break
      // what it left behind is in nobody's way
      write('newer')
      expect(run('rescue')).toBe(0)
      expect(broughtBack()).toEqual(['a.db newer', 'b.db newer'])
      expect(rescues()).toHaveLength(1)
    }
    expect(outcomes.size).toBe(2)
  }, 120_000)

  test('without one before it, leaves a whole one or none', () => {
    write('new')
    const outcomes = new Set<string>()
    for (let commands = 0; ; commands++) {
      rmSync(path.join(folder, 'state'), { recursive: true })
      mkdirSync(path.join(folder, 'state'))
      const ended = run('rescue', commands)
      const copy = broughtBack()
      if (copy !== null) expect(copy).toEqual(newCopy)
      outcomes.add(String(copy))
      if (ended === 0) break
    }
    expect(outcomes).toEqual(new Set(['null', String(newCopy)]))
  }, 120_000)
})

describe('a rescued copy', () => {
  beforeEach(() => {
    write('old')
    run('rescue')
  })

  test('that was used is kept until a proof holds', () => {
    run('rescue_used')
    expect(broughtBack()).toBeNull()
    expect(existsSync(path.join(folder, 'state/rescue.used/a.tar'))).toBe(true)
    write('new')
    run('rescue')
    expect(broughtBack()).toEqual(newCopy)
    expect(rescues()).toHaveLength(2)
    run('rescue_over')
    expect(readdirSync(path.join(folder, 'state'))).toEqual([])
  })

  test('that is put aside for people stays there for them', () => {
    run('rescue_aside')
    expect(broughtBack()).toBeNull()
    write('new')
    run('rescue')
    run('rescue_over')
    expect(readFileSync(path.join(folder, 'state/rescue-then/a.tar'), 'utf8')).toContain('a.db old')
  })
})

test('each database gets its own copy back, in whatever order the inventory lists them by then', () => {
  write('kept')
  expect(run('rescue')).toBe(0)
  for (const name of ['a.db', 'b.db']) rmSync(path.join(folder, 'data', name))
  run("order='b a'; each_db bring_back_one")
  for (const name of ['a.db', 'b.db'])
    expect(readFileSync(path.join(folder, 'data', name), 'utf8')).toContain(`${name} kept`)
})

test('a database that could not be looked at is none that the app has not made: the rescue has failed', () => {
  write('kept')
  expect(run('as_app() { return 1; }; rescue')).toBe(1)
  expect(broughtBack()).toBeNull()
})

test('Litestream goes on when its rescue was killed while it was held still', () => {
  mkdirSync(path.join(folder, 'run/still'))
  writeFileSync(path.join(folder, 'run/still/notes'), '')
  run('systemctl() { echo "$*" >>"$run/said"; }; let_go_on; let_go_on')
  expect(readFileSync(path.join(folder, 'run/said'), 'utf8')).toBe(
    'kill --kill-whom=main --signal=CONT notes-litestream.service\n',
  )
})

test('what had come back and was gone before a proof is kept aside, when another history takes its place', () => {
  write('only here')
  expect(run('rescue; [ "$kept" = true ]; rescue_used; rescue_aside; rescue_over')).toBe(0)
  expect(readdirSync(path.join(folder, 'state')).filter((name) => name.endsWith('-then'))).toEqual(['rescue.used-then'])
  expect(readdirSync(path.join(folder, 'state/rescue.used-then')).sort()).toEqual(['a.tar', 'b.tar'])
})

test('a folder that the app’s user cannot enter is not one without a database: nothing is given up for it', () => {
  write('new')
  // the folder that all of this lies in is closed to others
  const asNobody = 'setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all --'
  const closed = process.getuid?.() === 0 ? asNobody : 'chmod 0 "$data";'
  expect(run(`as_app() { ${closed} "$@"; }; rescue || exit 3`)).toBe(3)
  chmodSync(path.join(folder, 'data'), 0o755)
  expect(broughtBack()).toBeNull()
})
