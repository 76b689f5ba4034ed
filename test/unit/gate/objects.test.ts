import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

// objects.sh: the owner object in a directory. Whoever makes the next version wins, and nobody else does.

const program = path.resolve(import.meta.dirname, '../../../templates/host/objects.sh')
const key = 'home/notes/owner.json'
let root: string
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'streamside-objects-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const mark = () => writeFileSync(path.join(root, '.streamside-replica'), '{}\n')
const folder = () => path.join(root, 'home/notes')
const versions = (): string[] => (existsSync(folder()) ? readdirSync(folder()).sort() : [])

interface Answer {
  head: string
  rest: string
  words: string
}
function ask(args: string[], body = '', environment: NodeJS.ProcessEnv = {}): Answer {
  const [verb = '', ...rest] = args
  const { status, stdout, stderr } = spawnSync('dash', [program, root, verb, ...rest], {
    encoding: 'utf8',
    input: body,
    env: { ...process.env, ...environment },
  })
  expect(status, stderr).toBe(0)
  const [head = '', ...lines] = stdout.split('\n')
  return { head, rest: lines.join('\n'), words: stderr }
}
const put = (body: string, ...condition: string[]) => ask(['put', key, ...condition], body).head

describe('a directory without its mark', () => {
  test('answers nothing and takes nothing: it is not mounted', () => {
    mkdirSync(folder(), { recursive: true })
    writeFileSync(path.join(folder(), 'owner.1.json'), 'old')
    for (const args of [
      ['there'],
      ['get', 'home/other/owner.json'],
      ['put', key, 'match', '1'],
      ['put', key, 'absent'],
      ['replace', 'home/notes/tip.json'],
      ['list', 'home/', '5'],
      ['folder', 'home/notes/e0001-00000000'],
    ]) {
      expect(ask(args, 'new').head).toBe('0 NotMounted -')
      expect(versions()).toEqual(['owner.1.json'])
    }
  })

  test('or that is not there at all is not mounted either', () => {
    rmSync(root, { recursive: true })
    for (const first of [[], ['--first']]) {
      const { stdout, stderr } = spawnSync('dash', [program, ...first, root, 'get', key], { encoding: 'utf8' })
      expect([stdout, stderr]).toEqual(['0 NotMounted -\n', `nothing is mounted at ${root}\n`])
    }
  })

  test('is marked once, and the mark is not written over', () => {
    expect(ask(['mark']).head).toBe('200 - -')
    const first = readFileSync(path.join(root, '.streamside-replica'), 'utf8')
    expect(JSON.parse(first)).toMatchObject({ v: 1 })
    writeFileSync(path.join(root, '.streamside-replica'), 'of another host')
    expect(ask(['mark']).head).toBe('200 - -')
    expect(readFileSync(path.join(root, '.streamside-replica'), 'utf8')).toBe('of another host')
  })
})

describe('a folder for a path', () => {
  beforeEach(mark)
  const made = 'home/notes/e0001-00000000'

  test('is made where the app has its own, and once', () => {
    mkdirSync(folder(), { recursive: true })
    expect(ask(['folder', made]).head).toBe('200 - -')
    expect(statSync(path.join(root, made)).mode & 0o7777).toBe(0o750)
    expect(ask(['folder', made]).head).toBe('200 - -')
  })

  test('is not made where the app has none: that is another replica', () => {
    expect(ask(['folder', made])).toMatchObject({
      head: '404 NoSuchKey -',
      words: expect.stringMatching(/No such file/),
    })
    expect(existsSync(path.join(root, 'home'))).toBe(false)
  })
})

describe('the owner object', () => {
  beforeEach(mark)

  test('is not there before it is made, and made once', () => {
    expect(ask(['get', key])).toMatchObject({ head: '404 NoSuchKey -', rest: '' })
    expect(put('one', 'absent')).toBe('200 - 1')
    expect(put('two', 'absent')).toBe('412 PreconditionFailed -')
    expect(ask(['get', key])).toMatchObject({ head: '200 - 1', rest: 'one' })
  })

  test('is written over its newest version only, and every version stays', () => {
    put('one', 'absent')
    expect(put('two', 'match', '1')).toBe('200 - 2')
    expect(put('late', 'match', '1')).toBe('412 PreconditionFailed -')
    for (let n = 2; n < 12; n++) expect(put(`${n + 1}`, 'match', String(n))).toBe(`200 - ${n + 1}`)
    expect(ask(['get', key])).toMatchObject({ head: '200 - 12', rest: '12' })
    expect(versions()).toHaveLength(12)
    expect(readFileSync(path.join(folder(), 'owner.1.json'), 'utf8')).toBe('one')
  })

  test('has one winner of many who want to be the next', async () => {
    put('0', 'absent')
    for (let round = 1; round <= 3; round++) {
      const answers = await Promise.all(
        Array.from({ length: 12 }, async (_, n) => {
          const child = spawn('dash', [program, root, 'put', key, 'match', String(round)], {
            stdio: ['pipe', 'pipe', 'inherit'],
          })
          child.stdin.end(`${round} of ${n}`)
          let said = ''
          child.stdout.on('data', (chunk: Buffer) => {
            said += chunk.toString()
          })
          await new Promise((resolve) => child.on('close', resolve))
          return { n, said: said.trim() }
        }),
      )
      const won = answers.filter(({ said }) => said === `200 - ${round + 1}`)
      expect(won).toHaveLength(1)
      expect(answers.filter(({ said }) => said === '412 PreconditionFailed -')).toHaveLength(11)
      expect(ask(['get', key]).rest).toBe(`${round} of ${won[0]?.n}`)
    }
    expect(versions()).toEqual(['owner.1.json', 'owner.2.json', 'owner.3.json', 'owner.4.json'])
  })

  test('is not mistaken for what else lies there', () => {
    put('one', 'absent')
    for (const name of [
      'owner.json',
      'owner.02.json',
      'owner.9.json.old',
      'owner.x.json',
      'xowner.7.json',
      '.new.1234',
    ])
      writeFileSync(path.join(folder(), name), 'not it')
    expect(ask(['get', key])).toMatchObject({ head: '200 - 1', rest: 'one' })
  })

  test('keeps its last newline, and what a shell would make something of', () => {
    const body = '{"a":"$(reboot) `x` \\\\ % \'"}\n\n'
    expect(put(body, 'absent')).toBe('200 - 1')
    expect(ask(['get', key]).rest).toBe(body)
  })

  test('is whole or not there, wherever the power is cut while it is written', () => {
    put('one', 'absent')
    const bin = path.join(root, 'bin')
    mkdirSync(bin)
    for (const name of ['mktemp', 'cat', 'chmod', 'sync', 'ln', 'rm'])
      writeFileSync(
        path.join(bin, name),
        `#!/bin/sh\nPATH=/usr/bin:/bin\n[ "$CUT" != ${name} ] || { kill -KILL "$PPID"; sleep 1; exit 1; }\nexec ${name} "$@"\n`,
        { mode: 0o755 },
      )
    for (const cut of ['mktemp', 'cat', 'chmod', 'sync', 'ln', 'rm']) {
      const n = Number(ask(['get', key]).head.split(' ')[2])
      spawnSync('dash', [program, root, 'put', key, 'match', String(n)], {
        input: 'whole',
        env: { ...process.env, CUT: cut, PATH: `${bin}:${process.env['PATH']}` },
      })
      const { head, rest } = ask(['get', key])
      expect([`200 - ${n} one`, `200 - ${n} whole`, `200 - ${n + 1} whole`]).toContain(`${head} ${rest}`)
      expect(head).toBe(cut === 'rm' ? `200 - ${n + 1}` : `200 - ${n}`)
    }
  })

  test('says why it cannot be written: nothing of it is there then', () => {
    put('one', 'absent')
    const bin = path.join(root, 'bin')
    mkdirSync(bin)
    const cases = [
      ['mktemp', 'No space left on device', '403 NoSpace -'],
      ['mktemp', 'Read-only file system', '403 ReadOnly -'],
      ['mktemp', 'Permission denied', '403 AccessDenied -'],
      ['mktemp', 'Input/output error', '500 InternalError -'],
      ['ln', 'Operation not permitted', '501 NotImplemented -'],
      ['ln', 'File exists', '412 PreconditionFailed -'],
    ] as const
    for (const [name, words, head] of cases) {
      writeFileSync(path.join(bin, name), `#!/bin/sh\necho "${name}: ${words}" >&2\nexit 1\n`)
      chmodSync(path.join(bin, name), 0o755)
      const answer = ask(['put', key, 'match', '1'], 'two', { PATH: `${bin}:${process.env['PATH']}` })
      rmSync(path.join(bin, name))
      expect(answer.head).toBe(head)
      expect(versions().filter((each) => !each.startsWith('.new'))).toEqual(['owner.1.json'])
      expect(answer.words === '' && head.startsWith('403')).toBe(false)
    }
  })
})

describe('the rest', () => {
  beforeEach(mark)

  test('tip.json is one file, replaced whole', () => {
    for (const body of ['1', '2'])
      expect(ask(['replace', 'home/notes/e0001-00000000/tip.json'], body).head).toBe('200 - -')
    expect(ask(['get', 'home/notes/e0001-00000000/tip.json'])).toMatchObject({ head: '200 - -', rest: '2' })
    expect(readdirSync(path.join(folder(), 'e0001-00000000'))).toEqual(['tip.json'])
  })

  test('a listing names what lies below, and folders those of apps', () => {
    put('one', 'absent')
    mkdirSync(path.join(root, 'home/attic'))
    mkdirSync(path.join(root, 'lost+found'))
    // of a host that is writing its next version just now
    writeFileSync(path.join(folder(), '.new.3fYk0aQz'), '{')
    expect(ask(['list', 'home/notes/', '5']).rest).toBe('home/notes/owner.1.json\n')
    expect(ask(['list', 'home/none/', '5'])).toMatchObject({ head: '200 - -', rest: '' })
    expect(ask(['folders', 'home/', '9']).rest.split('\n').filter(Boolean).sort()).toEqual([
      'home/attic/',
      'home/notes/',
    ])
    expect(ask(['folders', '', '9']).rest).toBe('home/\n')
  })

  test('a key that leads out of the directory is none', () => {
    const { status } = spawnSync('dash', [program, root, 'get', '../../etc/owner.json'], { input: '' })
    expect(status).toBe(2)
  })
})
