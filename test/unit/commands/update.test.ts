import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { expect, test } from 'vitest'
import { inWordsOf } from '../../../src/commands/update.ts'
import { Problem } from '../../../src/problem.ts'
import { folderWith, inventoryWith, keys } from '../inventory/workspace.ts'

const bin = path.resolve(import.meta.dirname, '../../../src/bin.ts')

function streamside(args: string[], cwd = '/'): { status: number | null; said: string } {
  const env = { ...process.env, ...keys, NO_COLOR: '1', COLUMNS: '200' }
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    cwd,
    env,
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { status, said: stdout + stderr }
}

test.each(['update', 'restart', 'rollback'])(
  '%s wants apps and hosts of the inventory, and looks at none before',
  async (kind) => {
    const cwd = await folderWith({ 'inventory.yaml': inventoryWith(), 'dist/serve': '' })
    expect(streamside([kind, 'note'], cwd)).toMatchObject({
      status: 2,
      said: expect.stringContaining('did you mean notes?'),
    })
    expect(streamside([kind, 'notes', '--limit', 'pi-cellar'], cwd)).toMatchObject({
      status: 2,
      said: expect.stringContaining('none of these hosts has notes'),
    })
    expect(streamside([kind, 'notes', '--canary', 'pi-cellar'], cwd)).toMatchObject({
      status: 2,
      said: expect.stringContaining('they are pi-attic'),
    })
    expect(streamside([kind, '--pause', 'soon'], cwd)).toMatchObject({
      status: 2,
      said: expect.stringContaining('seconds, 0 to 86400'),
    })
  },
)

test('what a transaction advises to run again is the command that was run', () => {
  const said: string[] = []
  const report = inWordsOf('update', (event) => said.push(event.type === 'problem' ? event.problem.next : event.type))
  const next = 'mend the release, then run provision again: it goes on'
  report({ type: 'problem', problem: new Problem({ code: 'unhealthy', doing: 'x', found: 'y', next, host: 'pi' }) })
  report({ type: 'note', message: 'run provision again' })
  expect(said).toEqual(['mend the release, then run update again: it goes on', 'note'])
})

test('update --help shows what it does, with examples', () => {
  const { status, said } = streamside(['update', '--help'])
  expect(status).toBe(0)
  for (const text of ['--dry-run', '--pause <seconds>', '--canary <host>', 'streamside update notes'])
    expect(said).toContain(text)
})
