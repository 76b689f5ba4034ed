import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { expandProxyCommand, parseSshSettings, sshSettings } from '../../../src/host/ssh-settings.ts'

const home = userInfo().homedir
let folder: string
let config: string

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'streamside-ssh-config-'))
  config = path.join(folder, 'config')
  writeFileSync(
    config,
    `Include ${folder}/more
Host attic
  HostName 192.168.1.21
  User joe
  Port 2222
  IdentityFile "~/my keys/%h"
  IdentityFile /keys/second
  IdentitiesOnly yes
  IdentityAgent ~/agent.sock
  UserKnownHostsFile "/tmp/with space/known" ~/.ssh/other
  HostKeyAlias pi-attic
  ProxyJump ops@gate:2200,inner
  HashKnownHosts yes
  StrictHostKeyChecking accept-new
  ConnectTimeout 7
  AddressFamily inet
`,
  )
  writeFileSync(
    path.join(folder, 'more'),
    'Host behind\n  ProxyCommand connect %h:%p as %r 100%%\n  IdentityAgent none\n  UserKnownHostsFile none\n  StrictHostKeyChecking no\n',
  )
})

afterAll(() => rmSync(folder, { recursive: true }))

const ask = (address: string, more: { port?: number; user?: string; config?: string | null } = {}) =>
  sshSettings({ address, port: null, user: null, config, host: 'pi', ...more })

describe('ssh settings', () => {
  test("are what the user's own ssh would use", async () => {
    expect(await ask('attic')).toEqual({
      asked: 'attic',
      config,
      hostName: '192.168.1.21',
      port: 2222,
      user: 'joe',
      identityFiles: [`${home}/my keys/192.168.1.21`, '/keys/second'],
      identitiesOnly: true,
      identityAgent: `${home}/agent.sock`,
      proxyJump: 'ops@gate:2200,inner',
      proxyCommand: null,
      userKnownHosts: ['/tmp/with space/known', `${home}/.ssh/other`],
      globalKnownHosts: ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'],
      hostKeyAlias: 'pi-attic',
      hashKnownHosts: true,
      strictHostKeyChecking: 'accept-new',
      revokedHostKeys: null,
      connectTimeoutSeconds: 7,
      addressFamily: 4,
      bindAddress: null,
    })
  })

  test('follow Include, and fill in the tokens of a ProxyCommand', async () => {
    const settings = await ask('behind', { port: 99, user: 'x' })
    expect(expandProxyCommand(settings.proxyCommand ?? '', settings)).toBe('connect behind:99 as x 100%')
    expect(settings.identityAgent).toBeNull()
    expect(settings.userKnownHosts).toEqual([])
  })

  test('never switch the check of host keys off', async () => {
    expect((await ask('behind')).strictHostKeyChecking).toBe('ask')
  })

  test('let port and user of the inventory go before the configuration', async () => {
    expect(await ask('attic', { port: 23, user: 'pi' })).toMatchObject({ port: 23, user: 'pi' })
  })

  test.each(['-oProxyCommand=touch /tmp/owned', '-G', ''])(
    'refuse the address %j, which ssh would take for an option',
    async (address) => {
      await expect(ask(address)).rejects.toMatchObject({ code: 'ssh-address', exit: 2 })
    },
  )

  test('say what ssh says of a configuration it cannot read', async () => {
    const broken = path.join(folder, 'broken')
    writeFileSync(broken, 'Host x\n  NoSuchOption 1\n')
    await expect(ask('x', { config: broken })).rejects.toMatchObject({
      code: 'ssh-config',
      found: expect.stringMatching(/broken: line 2: Bad configuration option: nosuchoption/) as string,
    })
  })

  test("have ssh's defaults when there is no ssh client", async () => {
    vi.stubEnv('PATH', folder)
    vi.stubEnv('SSH_AUTH_SOCK', '/run/agent')
    try {
      expect(await ask('192.168.1.5', { user: 'pi' })).toMatchObject({
        hostName: '192.168.1.5',
        port: 22,
        user: 'pi',
        identityFiles: [`${home}/.ssh/id_rsa`, `${home}/.ssh/id_ecdsa`, `${home}/.ssh/id_ed25519`],
        identityAgent: '/run/agent',
        userKnownHosts: [`${home}/.ssh/known_hosts`, `${home}/.ssh/known_hosts2`],
        strictHostKeyChecking: 'ask',
      })
    } finally {
      vi.unstubAllEnvs()
    }
  })

  test('name no key at all after IdentityFile none', () => {
    expect(parseSshSettings('identityfile none\n', 'a').identityFiles).toEqual([])
  })

  test('take the agent from the variable that IdentityAgent names', () => {
    vi.stubEnv('MY_AGENT', '/run/my-agent')
    expect(parseSshSettings('identityagent $MY_AGENT\n', 'a').identityAgent).toBe('/run/my-agent')
    vi.unstubAllEnvs()
  })
})
