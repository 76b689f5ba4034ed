import { expect, test } from 'vitest'
import { kindsOf } from '../../lab/base-tree.ts'
import { machineArchitecture } from '../../lab/download.ts'
import { parseHost } from '../../lab/lab-host.ts'

const architecture = machineArchitecture()

test.each([
  ['pi', { name: 'pi', suite: 'bookworm', architecture }],
  ['pi=trixie', { name: 'pi', suite: 'trixie', architecture }],
  ['pi=bookworm/arm64', { name: 'pi', suite: 'bookworm', architecture: 'arm64' }],
  ['pi=trixie/amd64', { name: 'pi', suite: 'trixie', architecture: 'amd64' }],
])('%s declares a host', (text, host) => {
  expect(parseHost(text)).toEqual(host)
})

test.each([
  ['pi=bullseye', /runs bookworm or trixie, not bullseye/],
  ['pi=arm64', /runs bookworm or trixie, not arm64/],
  ['pi=bookworm/armhf', /is amd64 or arm64, not armhf/],
  ['pi=bookworm/', /is amd64 or arm64, not $/],
  ['pi=bookworm/arm64/v8', /NAME=SUITE\/ARCHITECTURE/],
  ['pi=bookworm=arm64', /NAME=SUITE\/ARCHITECTURE/],
])('%s is refused', (text, says) => {
  expect(() => parseHost(text)).toThrow(says)
})

test('a base tree is made once for all hosts that stand on it', () => {
  const hosts = ['a=bookworm/arm64', 'b=bookworm/amd64', 'c=bookworm/arm64'].map(parseHost)
  expect(
    kindsOf(hosts.map((host) => ({ suite: 'bookworm', architecture: host.architecture ?? architecture }))),
  ).toEqual([
    { suite: 'bookworm', architecture: 'arm64' },
    { suite: 'bookworm', architecture: 'amd64' },
  ])
})
