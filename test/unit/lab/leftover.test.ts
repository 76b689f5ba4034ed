import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import type { Instance } from '../../lab/instances.ts'
import { standing } from '../../lab/leftover.ts'
import { processNow, type Ran } from '../../lab/ran.ts'

const made: Instance = { name: 'mine', number: 1, disks: '/d', records: '/r', access: '/a' }

async function now(pid: number | undefined): Promise<Ran> {
  const ran = await processNow(pid ?? 0)
  if (ran === null) throw new Error(`no process ${pid}`)
  return ran
}

test('a lab that a person has is no leftover, whatever demo made it once', async () => {
  expect(await standing(null)).toEqual({ kind: 'none' })
  expect(await standing(made)).toEqual({ kind: 'kept' })
})

test('a lab is a leftover once its demo was killed', async () => {
  const demo = spawn('sleep', ['600'], { stdio: 'ignore' })
  const instance = { ...made, demo: await now(demo.pid) }
  expect(await standing(instance)).toEqual({ kind: 'demo', pid: demo.pid })
  demo.kill('SIGKILL')
  await once(demo, 'close')
  expect(await standing(instance)).toEqual({ kind: 'leftover' })
})

test('a process that got the pid of a demo that is gone is not that demo', async () => {
  const me = await now(process.pid)
  expect(await standing({ ...made, demo: { ...me, start: '1' } })).toEqual({ kind: 'leftover' })
  expect(await standing({ ...made, demo: { ...me, boot: 'before the reboot' } })).toEqual({ kind: 'leftover' })
})
