import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { clientConfig } from '../../../src/host/client-config.ts'

const settings = { userKnownHosts: ['/home/me/.ssh/known_hosts'], strictHostKeyChecking: 'ask' as const }

test("the site's known hosts come first, and then the configuration of the user or of the site", async () => {
  expect(clientConfig({ config: null, knownHosts: null }, settings)).toBe(
    'StrictHostKeyChecking ask\nInclude ~/.ssh/config\nInclude /etc/ssh/ssh_config\n'.replace(
      'Include /etc/ssh/ssh_config',
      'Include "/etc/ssh/ssh_config"',
    ),
  )
  const folder = await mkdtemp(path.join(tmpdir(), 'streamside client%-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const own = path.join(folder, 'ssh_config')
  const knownHosts = path.join(folder, 'known hosts')
  await writeFile(
    own,
    `Host pi\n  HostName 192.0.2.7\n  Port 2222\n  ProxyJump jump\n  UserKnownHostsFile /dev/null\n  StrictHostKeyChecking no\n`,
  )
  const config = path.join(folder, 'config')
  await writeFile(config, clientConfig({ config: own, knownHosts }, settings))
  const answer = execFileSync('ssh', ['-G', '-F', config, 'pi'], { encoding: 'utf8' })
  expect(answer).toMatch(/^hostname 192\.0\.2\.7$/m)
  expect(answer).toMatch(/^port 2222$/m)
  expect(answer).toMatch(/^proxyjump jump$/m)
  expect(answer).toMatch(/^stricthostkeychecking ask$/m)
  expect(answer).toContain(`userknownhostsfile ${knownHosts} /home/me/.ssh/known_hosts`)
})
