import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { claim, me, owner, path as current, tx } from './facts.ts'

// What gate, timer and proof do with the owner object and tip.json, on a real directory.

const programs = path.resolve(import.meta.dirname, '../../../templates/host')
const static_ = `"app":"notes","host":"pi","where":"replica share (/mnt/nas)","store":"directory","dbs":["main"],"policy":{"unreachable":"start","limit":86400,"ephemeral":false}`
let folder: string
let instance: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'streamside-store-'))
  instance = path.join(folder, 'replica/home/notes')
  for (const name of ['replica/home/notes', 'state']) mkdirSync(path.join(folder, name), { recursive: true })
  writeFileSync(path.join(folder, 'replica/.streamside-replica'), '{}\n')
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Runs lines of shell after the parts that a gate is made of. */
function run(script: string): string {
  const given = `
    set -eu
    lib=$1 app=notes
    for part in state verdict facts store s3 directory replica prove; do . "$lib/$part.sh"; done
    state=$2/state owner_mode=directory replica_root=$2/replica owner_url=$2/replica/home/notes db_count=1
    where='replica share' static='${static_}' host=pi me=${me}
    as_app() { "$@"; }
    open_verdicts
    ${script}`
  const { status, stdout, stderr } = spawnSync('dash', ['-c', given, 'sh', programs, folder], { encoding: 'utf8' })
  expect(status, stderr).toBe(0)
  return stdout
}
const write = (n: number, body: unknown) => writeFileSync(path.join(instance, `owner.${n}.json`), JSON.stringify(body))
const newest = (): unknown =>
  JSON.parse(
    readFileSync(
      path.join(
        instance,
        `owner.${readdirSync(instance).filter((each) => /^owner\.\d+\.json$/.test(each)).length}.json`,
      ),
      'utf8',
    ),
  )
const facts = () => JSON.parse(run('get_owner 1; printf %s "$owner"')) as Record<string, unknown>

describe('the owner object', () => {
  test('is read with its version as the etag', () => {
    write(1, owner({ epoch: 1 }))
    write(2, owner())
    expect(facts()).toMatchObject({ curl: 0, http: 200, etag: '2', date: null, body: JSON.stringify(owner()) })
  })

  test('that is not there is told from a directory that is not', () => {
    expect(facts()).toMatchObject({ curl: 0, http: 404, s3: 'NoSuchKey' })
    renameSync(path.join(folder, 'replica/.streamside-replica'), path.join(folder, 'gone'))
    write(1, owner())
    expect(facts()).toMatchObject({ curl: 7, http: 0, s3: 'NotMounted', body: null })
  })

  test('is written over what was read, by one of two', () => {
    write(1, owner({ epoch: 1 }))
    const next = (epoch: number, uuid: string) =>
      JSON.stringify(owner({ epoch, write: `${uuid}0000000-0000-4000-8000-000000000000` }))
    const said = run(`
      put_owner '${next(2, '2')}' 1 false 5 && echo "first $act"
      put_owner '${next(3, '3')}' 1 false 5 || echo "second $act $code"
      put_owner '${next(2, '2')}' 1 false 5 && echo "again $act"`)
    // the last is the first one, whose answer was lost
    expect(said).toBe('first done\nsecond lost put-lost\nagain done\n')
    expect(newest()).toMatchObject({ epoch: 2 })
  })

  test('is not written to a directory that was unmounted meanwhile, and that is not taken for a no', () => {
    write(1, owner())
    const said = run(`
      mv "$2/replica/.streamside-replica" "$2/mark"
      put_owner '${JSON.stringify(owner({ epoch: 3 }))}' 1 false 2 || echo "$act"`)
    expect(said).toBe('unknown\n')
    expect(readdirSync(instance)).toEqual(['owner.1.json'])
  })
})

describe('tip.json', () => {
  test('is counted up, and written nowhere while nothing is mounted', () => {
    writeFileSync(path.join(folder, 'state/claim'), `${JSON.stringify(claim())}\n`)
    const tip = (id: number) => `tip='{"main":"${tx(id)}"}'; write_tip && echo written || echo not`
    expect(run(`${tip(1)}\n${tip(2)}`)).toBe('written\nwritten\n')
    const file = path.join(instance, current, 'tip.json')
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ seq: 2, dbs: { main: tx(2) } })
    rmSync(path.join(folder, 'replica'), { recursive: true })
    mkdirSync(path.join(folder, 'replica'))
    expect(run(tip(3))).toBe('not\n')
    expect(existsSync(path.join(folder, 'replica/home'))).toBe(false)
  })

  test('is the mark that a restore has to reach', () => {
    mkdirSync(path.join(instance, current))
    writeFileSync(path.join(instance, current, 'tip.json'), '{"seq":1,"dbs":{}}')
    expect(run(`get_tip ${current}; printf %s "$source_tip"`)).toBe('{"body":"{\\"seq\\":1,\\"dbs\\":{}}"}')
    expect(run('get_tip e0001-00000000; printf %s "$source_tip"')).toBe('null')
  })
})

test('what Litestream finds while nothing is mounted is an error, and not an empty path', () => {
  const look = `
    with_keys() { printf '[]'; }
    config_for() { :; }
    key='"main"' path=/x
    each_db() { "$@"; }
    look_remote ${current}; printf %s "$remote"`
  expect(run(look)).toBe('{"main":{"max":null}}')
  rmSync(path.join(folder, 'replica/.streamside-replica'))
  expect(JSON.parse(run(look))).toEqual({
    main: { max: null, error: expect.stringMatching(/^not mounted: .*nothing is mounted at/) },
  })
})
