import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { appResources } from '../../../src/desired/app.ts'
import type { FileResource, Resource } from '../../../src/desired/resources.ts'
import type { App, Release } from '../../../src/inventory/model.ts'
import { Secret } from '../../../src/inventory/secret.ts'
import { Problem } from '../../../src/problem.ts'
import { app, host } from '../inventory/made.ts'

const packed = { digest: 'd'.repeat(64), tar: '/t', bytes: 1, entries: [] }
const release: Release = {
  from: { all: { kind: 'path', path: '/x' } },
  command: ['./serve'],
  workingDirectory: 'state',
  keep: 3,
}
const resourcesOf = (more: Partial<App>): Resource[] =>
  appResources({ app: app('web', more), host, uid: 800, gid: 800, release: more.release ?? release, packed })
const fileAt = (resources: Resource[], where: string) =>
  resources.find((resource): resource is FileResource => resource.kind === 'file' && resource.path === where)
const execStart = (command: string[]) =>
  /^ExecStart=(.*)$/m.exec(
    String(fileAt(resourcesOf({ release: { ...release, command } }), '/etc/systemd/system/web.service')?.content),
  )?.[1]

let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'streamside-app-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** A file of the user's with this content, as an app has it. */
function from(content: string) {
  const file = path.join(folder, `${crypto.randomUUID()}.txt`)
  writeFileSync(file, content)
  return { from: file, mode: '0640', template: true }
}

describe('a command', () => {
  test('keeps a dollar of its program as it is and doubles those of its arguments', () => {
    expect(execStart(['./a $b%', '$HOME', '%n', ''])).toBe('"/opt/web/current/a $b%%" "$$HOME" "%%n" ""')
  })

  test('that systemd would refuse, or take for one with a prefix, is refused: + would run it as root', () => {
    for (const program of ['+id', '-id', '@id', ':id', '!id', '!!id', '|id'])
      expect(() => execStart([program])).toThrow(expect.objectContaining({ code: 'command', exit: 2 }))
    for (const program of ["./a'b", './a"b', './a\\b', './a\nb', 'a\u007fb'])
      expect(() => execStart([program])).toThrow(expect.objectContaining({ code: 'command', exit: 2 }))
    expect(execStart(['./+id'])).toBe('"/opt/web/current/+id"')
  })
})

describe('an environment', () => {
  test('has a value that no start could carry refused, by its name and never by its text', () => {
    const wrong: [string | Secret, string][] = [
      ['a\uFFFEb', 'noncharacter U+FFFE'],
      [new Secret('huge', 'v'.repeat(200_000)), '128 KiB'],
    ]
    for (const [value, found] of wrong) {
      const refused = () => resourcesOf({ environment: { TOKEN: value } })
      expect(refused).toThrow(Problem)
      expect(refused).toThrow(expect.objectContaining({ found: expect.stringContaining(found), exit: 2 }))
      expect(refused).not.toThrow(/vvvv/)
    }
  })
})

describe('a file of the user', () => {
  const environment = { TOKEN: new Secret('token', 'a "quoted" \\ secret'), PLAIN: 'plain' }

  test('that a template has put a secret into is never shown, however it is quoted there', () => {
    const files = {
      'a.json': from('{{json env.TOKEN}}'),
      'b.txt': from('{{env.PLAIN}}'),
      'c.txt': from('{{#each env}}{{json this}}{{/each}}'),
    }
    const resources = resourcesOf({ environment, files })
    expect(fileAt(resources, '/var/lib/web/a.json')).toMatchObject({
      content: String.raw`"a \"quoted\" \\ secret"`,
      opaque: true,
    })
    expect(fileAt(resources, '/var/lib/web/b.txt')).not.toHaveProperty('opaque')
    expect(fileAt(resources, '/var/lib/web/c.txt')).toHaveProperty('opaque', true)
  })

  test("below /etc/<app> is root's to write, below its state directory the app's", () => {
    const resources = resourcesOf({ files: { '/etc/web/conf.d/a': from(''), 'conf/b': from('') } })
    const folders = resources.filter((resource) => resource.kind === 'directory')
    expect(folders).toContainEqual(
      expect.objectContaining({ path: '/etc/web', mode: '0750', owner: 'root', group: 'web' }),
    )
    expect(folders).toContainEqual(expect.objectContaining({ path: '/etc/web/conf.d', owner: 'root' }))
    expect(folders).toContainEqual(expect.objectContaining({ path: '/var/lib/web/conf', owner: 'web', as: 'web' }))
    expect(fileAt(resources, '/etc/web/conf.d/a')).not.toHaveProperty('as')
    expect(fileAt(resources, '/var/lib/web/conf/b')).toHaveProperty('as', 'web')
  })

  test('that is not there is told as a mistake, not as a bug', () => {
    const files = { x: { from: path.join(folder, 'nothing'), mode: '0640', template: false } }
    expect(() => resourcesOf({ files })).toThrow(expect.objectContaining({ code: 'file-unreadable', exit: 2 }))
  })
})

test('the folder of a database outside of the state directory is made only when it is missing', () => {
  const folders = resourcesOf({ databases: { main: '/srv/a/b/x.db' } }).filter(({ kind }) => kind === 'directory')
  expect(folders).toContainEqual(
    expect.objectContaining({ path: '/srv/a', owner: 'root', mode: '0755', onlyMade: true }),
  )
  expect(folders).toContainEqual(
    expect.objectContaining({ path: '/srv/a/b', owner: 'web', mode: '0750', onlyMade: true }),
  )
  expect(folders).not.toContainEqual(expect.objectContaining({ path: '/srv' }))
})
