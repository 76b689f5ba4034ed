import { describe, expect, test } from 'vitest'
import type { AppStatus, HostStatus } from '../../../src/status/status.ts'
import {
  checkConverged,
  checkEnd,
  checkFiles,
  checkOwner,
  checkRows,
  checkStatus,
  checkSuccess,
  checkWords,
  type FilesSeen,
} from '../../campaign/invariants.ts'
import type { Run } from '../../hosts/site.ts'

/** Everything is as it may be; each test plants one thing that may not. */
const unit = '/etc/systemd/system/app.service'
const config = '/etc/streamside/apps/app/app.env'
const gone = '/etc/streamside/apps/app/old.json'
const before = new Map([
  [unit, '644 0:0 aa'],
  [config, '600 0:0 cc'],
  [gone, '600 0:0 dd'],
])
const after = new Map([
  [unit, '644 0:0 bb'],
  [config, '600 0:0 cc'],
  ['/etc/streamside/apps/app/new.json', '600 0:0 ee'],
])
const sound: FilesSeen = { files: after, temporary: [], staged: [], working: [] }
const seen = (files: [string, string][], more: Partial<FilesSeen> = {}): FilesSeen => ({
  ...sound,
  files: new Map([...before, ...files]),
  ...more,
})
const rules = (violations: { rule: string }[]) => violations.map(({ rule }) => rule)

describe('files', () => {
  test('as before, as after, and some of each are sound', () => {
    expect(checkFiles({ ...sound, files: before }, before, after)).toEqual([])
    expect(checkFiles(sound, before, after)).toEqual([])
    expect(checkFiles(seen([[unit, '644 0:0 bb']]), before, after)).toEqual([])
  })

  test('what a file is for a while, and only that, is sound beside those', () => {
    const between = new Map([[unit, '644 0:0 ab']])
    expect(checkFiles(seen([[unit, '644 0:0 ab']]), before, after, between)).toEqual([])
    expect(rules(checkFiles(seen([[unit, '644 0:0 a']]), before, after, between))).toEqual(['half-written'])
  })

  test('a half-written file is seen', () => {
    const found = checkFiles(seen([[unit, '644 0:0 a']]), before, after)
    expect(found).toEqual([{ rule: 'half-written', text: expect.stringContaining(unit) }])
  })

  test('a file with the right content that others may read is seen', () => {
    expect(rules(checkFiles(seen([[config, '644 0:0 cc']]), before, after))).toEqual(['half-written'])
  })

  test('a file that is there before and after, and is missing in between, is seen', () => {
    const files = new Map(before)
    files.delete(config)
    expect(rules(checkFiles({ ...sound, files }, before, after))).toEqual(['gone'])
  })

  test('a file that nobody knows is seen', () => {
    expect(rules(checkFiles(seen([['/etc/systemd/system/app.service.new', '644 0:0 b']]), before, after))).toEqual([
      'unknown-file',
    ])
  })

  test('what is laid beside its target is right while it is on record, and seen when it is not', () => {
    const temporary = ['/etc/systemd/system/.streamside-x.1']
    expect(checkFiles(seen([], { temporary, staged: temporary }), before, after)).toEqual([])
    expect(rules(checkFiles(seen([], { temporary }), before, after))).toEqual(['left-over'])
  })

  test('after a run that ended well nothing may be as before, and nothing may be left of the work', () => {
    expect(checkConverged(sound, after)).toEqual([])
    expect(rules(checkConverged({ ...sound, files: before }, after))).toEqual(['half-written', 'unknown-file', 'gone'])
    const temporary = ['/etc/systemd/system/.streamside-x.1']
    expect(rules(checkConverged({ ...sound, temporary, staged: temporary }, after))).toEqual(['left-over'])
    expect(rules(checkConverged({ ...sound, working: ['/var/lib/streamside/transactions/x/payload'] }, after))).toEqual(
      ['left-over'],
    )
  })
})

describe('status', () => {
  const status = (app: Partial<AppStatus> & Pick<AppStatus, 'state'>): HostStatus =>
    ({ host: 'one', apps: [{ app: 'app', reason: null, wrong: [], ...app }] }) as unknown as HostStatus
  const reason = { time: '', code: 'failed', text: 'it has failed', next: 'see its log' }
  const wrong = [{ code: 'failed', text: 'it has failed', next: 'see its log', exit: 1 as const }]

  test('an app that is up, or down with a reason, is sound', () => {
    expect(checkStatus(status({ state: 'running' }), ['app'])).toEqual([])
    expect(checkStatus(status({ state: 'failed', reason, wrong }), ['app'])).toEqual([])
  })

  test.each([
    ['an app that is down without a reason', status({ state: 'stopped' })],
    ['a reason without a next step', status({ state: 'failed', reason: { ...reason, next: ' ' }, wrong })],
    ['a reason that is not among what is wrong', status({ state: 'failed', reason })],
    ['an app that status does not know', { ...status({ state: 'running' }), apps: [] }],
    ['a status that says nothing', null],
  ])('%s is seen', (_, planted) => {
    expect(rules(checkStatus(planted, ['app']))).toEqual(['down-without-reason'])
  })
})

test('a row that is gone is seen', () => {
  expect(checkRows('app', ['one', 'two'], ['one', 'two', 'three'])).toEqual([])
  expect(rules(checkRows('app', ['one', 'two'], ['two']))).toEqual(['rows-lost'])
})

describe('the owner', () => {
  const path = 'e0001-1a2b3c4d'
  const owner = { path, holder: { host: 'one' }, past: [] }
  const keys = ['campaign/app/owner.json', `campaign/app/${path}/main/0000/x.ltx`]

  test('is the one that it ought to be', () => {
    expect(checkOwner('app', { keys, owner }, 'one')).toEqual([])
    expect(rules(checkOwner('app', { keys, owner }, null))).toEqual(['owner'])
    expect(rules(checkOwner('app', { keys, owner: { ...owner, holder: null } }, 'one'))).toEqual(['owner'])
    expect(rules(checkOwner('app', { keys, owner: null }, 'one'))).toEqual(['owner'])
  })

  test('knows of every path that holds data', () => {
    const more = [...keys, 'campaign/app/e0002-00000000/main/0000/x.ltx']
    expect(rules(checkOwner('app', { keys: more, owner }, 'one'))).toEqual(['owner'])
    const past = [{ path: 'e0002-00000000' }]
    expect(checkOwner('app', { keys: more, owner: { ...owner, past } }, 'one')).toEqual([])
  })
})

describe('a run', () => {
  const run = (code: number | null, events: object[] = [], stderr = ''): Run => ({
    code,
    stdout: '',
    stderr,
    events: events as Run['events'],
  })
  const problem = (exit: number, next = 'do that') => ({
    type: 'problem',
    problem: { code: 'x', found: 'this', next, exit },
  })
  const change = { type: 'change', change: { kind: 'file', action: 'create', name: unit } }

  test('says in words what went wrong', () => {
    expect(checkWords(run(0), null)).toEqual([])
    expect(checkWords(run(1, [problem(1)]), 'power-cut')).toEqual([])
    expect(checkWords(run(null), 'kill-orchestrator')).toEqual([])
  })

  test.each([
    ['a stack trace', run(1, [problem(1)], 'Error: x\n    at f (file:///src/a.ts:1:2)\n')],
    ['an end by a signal that nobody sent', run(null)],
    ['a failure without a problem', run(1)],
    ['a problem without a next step', run(1, [problem(1, '')])],
    ['a problem beside exit 0', run(0, [problem(1)])],
    ['an exit code that no problem asks for', run(1, [problem(3)])],
  ])('%s is seen', (_, planted) => {
    expect(rules(checkWords(planted, 'power-cut'))).toEqual(['words'])
  })

  test('that claims success falsely is seen', () => {
    expect(checkSuccess(run(0), run(0))).toEqual([])
    expect(checkSuccess(run(1), run(0, [change]))).toEqual([])
    expect(rules(checkSuccess(run(0), run(0, [change])))).toEqual(['false-success'])
  })

  test('that does not get there, or never has enough, is seen', () => {
    expect(checkEnd('it', run(0, [change]), false)).toEqual([])
    expect(rules(checkEnd('it', run(1, [problem(1)]), false))).toEqual(['no-convergence'])
    expect(rules(checkEnd('it', run(0, [change]), true))).toEqual(['no-convergence'])
  })
})
