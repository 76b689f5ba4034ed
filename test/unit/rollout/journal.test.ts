import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseJournalLine } from '../../../src/rollout/journal.ts'
import { hostProgram } from '../../../src/templates/render.ts'

let transaction: string
beforeAll(() => {
  transaction = mkdtempSync(path.join(tmpdir(), 'streamside-journal-'))
})
afterAll(() => rmSync(transaction, { recursive: true }))

test('a name with a line’s end in it makes no lines of its own in the journal', () => {
  const record = /^record\(\) \{[^]*?^\}/m.exec(hostProgram('apply/apply.sh'))?.[0] ?? ''
  const name = "/opt/web stays: aa\nend\t0\nproblem\tdisk-full\tQQ==\r\u007f is not streamside's"
  const plain = 'var-lib\\x2dä.mount *'
  execFileSync(
    'sh',
    ['-euc', `tab=$(printf '\\t')\n${record}\nrecord step left "$1"; record step start "$2"`, 'sh', name, plain],
    {
      env: { LC_ALL: 'C', PATH: process.env['PATH'], transaction },
    },
  )
  const lines = readFileSync(path.join(transaction, 'journal'), 'utf8').trimEnd().split('\n')
  expect(lines.map(parseJournalLine)).toEqual([
    { kind: 'step', name: 'left', detail: "/opt/web stays: aa?end?0?problem?disk-full?QQ==?? is not streamside's" },
    { kind: 'step', name: 'start', detail: plain },
  ])
})
