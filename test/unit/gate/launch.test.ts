import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'

const launch = path.resolve(import.meta.dirname, '../../../templates/host/launch')

test('a program that began before the switch to another version goes on with the parts of its own', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'streamside-launch-'))
  try {
    copyFileSync(launch, path.join(folder, 'launch'))
    for (const version of ['one', 'two']) {
      mkdirSync(path.join(folder, version))
      writeFileSync(path.join(folder, version, 'part.sh'), `part=${version}\n`)
      // waits between its own start and the reading of its parts
      writeFileSync(
        path.join(folder, version, 'gate.sh'),
        `#!/bin/sh\nlib=\${0%/*}\necho began\nread -r go\n. "$lib/part.sh"\necho "${version} with part $part for $1"\n`,
        { mode: 0o755 },
      )
    }
    symlinkSync(path.join(folder, 'one'), path.join(folder, 'current'))
    const child = spawn('dash', [path.join(folder, 'launch'), 'gate.sh', 'an app'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    let said = ''
    const ended = new Promise((resolve) => child.on('close', resolve))
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        said += chunk.toString()
        resolve()
      })
    })
    symlinkSync(path.join(folder, 'two'), path.join(folder, 'next'))
    renameSync(path.join(folder, 'next'), path.join(folder, 'current'))
    child.stdin.end('go\n')
    expect(await ended).toBe(0)
    expect(said).toBe('began\none with part one for an app\n')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
