import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { down, type LoopDisk, makeLoopDisk, removeLoopDisk } from '../lab/index.ts'
import { enterInstance } from '../lab/instances.ts'
import { testInstance } from './instance.ts'

// A lab without hosts, beside the one of this worker.
const instance = `${testInstance}-d`
const run = promisify(execFile)
const lab = path.resolve(import.meta.dirname, '../lab')

let bystander: LoopDisk
beforeEach(async () => {
  // of a run of this very file that was killed
  await down({ instance })
  bystander = await makeLoopDisk(await enterInstance(testInstance), 'theirs', 4)
})
afterEach(async () => {
  await down({ instance })
  await removeLoopDisk(await enterInstance(testInstance), bystander)
})

const fileBehind = async (device: string): Promise<string> =>
  (
    await run('losetup', ['--list', '--noheadings', '--output', 'BACK-FILE', device]).catch(() => ({ stdout: '' }))
  ).stdout.trim()

/** A run that makes a disk, does what `then` says with it, and is killed before it can clear away. */
async function killedAfter(then: string): Promise<LoopDisk> {
  const script = `import { enterInstance } from ${JSON.stringify(`${lab}/instances.ts`)}
    import { makeLoopDisk } from ${JSON.stringify(`${lab}/index.ts`)}
    import { readdir, readFile, writeFile } from 'node:fs/promises'
    const instance = await enterInstance(${JSON.stringify(instance)})
    const disk = await makeLoopDisk(instance, 'left', 4)
    const records = instance.records + '/loop-disks/'
    const record = records + (await readdir(records))[0]
    ${then}
    console.log(JSON.stringify(disk))
    setInterval(() => {}, 1000)`
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const said = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()))
    child.once('exit', (code) => reject(new Error(`the run ended by itself, with ${code}`)))
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  child.kill('SIGKILL')
  await ended
  return JSON.parse(said) as LoopDisk
}

test.each([
  ['after it had noted its device', ''],
  // between losetup and the note of what it answered
  ['before it had noted its device', 'await writeFile(record, JSON.stringify({ image: disk.image, device: null }))'],
])('the disk of a run that was killed %s goes with its lab, and nobody else’s', async (_, then) => {
  const disk = await killedAfter(then)
  expect(await fileBehind(disk.device)).toBe(disk.image)
  expect(await down({ instance })).toBe(true)
  expect(await fileBehind(disk.device)).toBe('')
  expect(existsSync(disk.image)).toBe(false)
  expect(await fileBehind(bystander.device)).toBe(bystander.image)
})

test('a device whose number is somebody else’s by now is left alone', async () => {
  const disk = await killedAfter(
    `await writeFile(record, JSON.stringify({ image: disk.image, device: ${JSON.stringify(bystander.device)} }))`,
  )
  await down({ instance })
  expect(await fileBehind(bystander.device)).toBe(bystander.image)
  await run('losetup', ['--detach', disk.device])
})
