import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseProbe, probePayload, type ProbeRequest } from '../../../src/host/probe.ts'

const nothing: ProbeRequest = {
  paths: [],
  trees: [],
  databases: [],
  services: [],
  packages: [],
  users: [],
  units: [],
  apps: [],
  ports: [],
  replicas: [],
  journald: false,
  snippets: [],
  verify: false,
}
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'streamside-probe-'))
  for (const below of ['bin', 'probe']) mkdirSync(join(folder, below))
  for (const { name, content } of probePayload(nothing)) writeFileSync(join(folder, name), content)
  // a machine's identity is not what this is about, and a build machine may have none
  writeFileSync(join(folder, 'host-id.sh'), 'echo 0\n')
})
afterEach(() => rmSync(folder, { recursive: true }))

function stand(program: string, answer: string): void {
  const file = join(folder, 'bin', program)
  writeFileSync(file, `#!/bin/sh\necho '${answer}'\n`)
  chmodSync(file, 0o755)
}

test.each(['armhf', 'arm64'])('the architecture is that of the packages (%s), not of the kernel', (architecture) => {
  // 32-bit Raspberry Pi OS on a Pi 3 or later: the firmware starts the 64-bit kernel under it
  stand('dpkg', architecture)
  for (const kernels of ['uname', 'arch']) stand(kernels, 'aarch64')
  stand('systemctl', 'systemd 252 (252.39-1~deb12u1)')
  const answer = execFileSync('sh', ['./probe.sh'], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: `${join(folder, 'bin')}:${process.env['PATH']}` },
  })
  expect(parseProbe(answer, nothing, 'pi')).toMatchObject({ architecture, systemd: 252 })
})
