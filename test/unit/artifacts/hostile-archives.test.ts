import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { problemOf } from '../problem-of.ts'
import { writeMembers } from './hostile-tar.ts'
import { openWorkshop, tool, type Workshop } from './workshop.ts'

let workshop: Workshop
let work: string
let cacheDirectory: string
const lay: Workshop['lay'] = (name, tree) => workshop.lay(name, tree)
const pack: Workshop['pack'] = (path) => workshop.pack(path)

beforeEach(() => {
  workshop = openWorkshop()
  work = workshop.work
  cacheDirectory = workshop.cacheDirectory
})

afterEach(() => {
  workshop.remove()
})

test('members that would lie, or be written, outside the release are refused by name', async () => {
  const cases: [string, Parameters<typeof writeMembers>[1], RegExp][] = [
    ['dotdot', [{ name: 'a/../../escape', content: 'x' }], /"a\/\.\.\/\.\.\/escape" leads out of the release/],
    ['absolute', [{ name: '/etc/cron.d/x', content: 'x' }], /"\/etc\/cron\.d\/x" has an absolute name/],
    ['absolute link', [{ name: 'l', type: 'symlink', linkname: '/etc' }], /"l" → "\/etc" is absolute/],
    ['link out', [{ name: 'a/l', type: 'symlink', linkname: '../../x' }], /leads out of the release/],
    [
      'through a link',
      [
        { name: 'l', type: 'symlink', linkname: 'sub' },
        { name: 'l/x', content: 'x' },
      ],
      /lies below "l", which is a symbolic link/,
    ],
    [
      'through a link, link last',
      [
        { name: 'l/x', content: 'x' },
        { name: 'l', type: 'symlink', linkname: 'sub' },
      ],
      /lies below "l"/,
    ],
    // Lexically inside; followed as the kernel does, outside: x is the root.
    [
      'link over link',
      [
        { name: 'd/x', type: 'symlink', linkname: '..' },
        { name: 'y', type: 'symlink', linkname: 'd/x/../z' },
      ],
      /"y" .* leads out/,
    ],
    [
      'circle',
      [
        { name: 'a', type: 'symlink', linkname: 'b' },
        { name: 'b', type: 'symlink', linkname: 'a' },
      ],
      /goes in circles/,
    ],
    [
      'hard link',
      [
        { name: 'a', content: 'x' },
        { name: 'b', type: 'link', linkname: 'a' },
      ],
      /"b" is a hard link/,
    ],
    ['device', [{ name: 'sda', type: 'block-device' }], /is a block-device/],
    ['fifo', [{ name: 'pipe', type: 'fifo' }], /is a fifo/],
    ['setuid', [{ name: 'su', mode: 0o4755, content: 'x' }], /"su" is setuid/],
    [
      'twice',
      [
        { name: 'a', content: 'x' },
        { name: './a', content: 'y' },
      ],
      /"a" is there twice/,
    ],
    [
      'file as folder',
      [
        { name: 'a', content: 'x' },
        { name: 'a/b', content: 'y' },
      ],
      /lies below "a", which is a file/,
    ],
    ['no name', [{ name: './', type: 'directory' }], /it is empty/],
    ['sparse', [{ name: 'a', content: 'x', pax: { 'GNU.sparse.major': '1' } }], /stored sparse/],
  ]
  for (const [name, members, found] of cases) {
    const archive = join(work, `${name}.tar`)
    await writeMembers(archive, members)
    const problem = await problemOf(pack(archive))
    expect(problem.found, name).toMatch(found)
    expect(problem.doing, name).toContain(archive)
    expect(problem.next, name).not.toBe('')
  }
  expect(readdirSync(work).sort()).toEqual(['cache', ...cases.map(([name]) => `${name}.tar`)].sort())
  expect(readdirSync(join(cacheDirectory, 'releases'))).toEqual([])
})

test('an archive that claims more than it may is refused before it is unpacked', async () => {
  const archive = join(work, 'huge.tar')
  await writeMembers(archive, [{ name: 'huge', content: 'x' }])
  const bytes = readFileSync(archive)
  // Size field of the header in base 256: 2^56 bytes. Then the checksum over the header.
  bytes.fill(0, 124, 136)
  bytes[124] = 0x80
  bytes[128] = 1
  bytes.fill(' ', 148, 156)
  const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0)
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  writeFileSync(archive, bytes)
  expect((await problemOf(pack(archive))).code).toBe('release-too-large')
})

test('a damaged or cut archive is refused, whatever it was packed with', async () => {
  const root = lay('app', { a: Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * index) % 251)) })
  tool('zip', ['-qr', join(work, 'app.zip'), '.'], root)
  for (const suffix of ['tar', 'tar.gz', 'tar.xz', 'tar.zst'])
    tool('tar', ['-caf', join(work, `app.${suffix}`), '.'], root)
  for (const suffix of ['tar', 'tar.gz', 'tar.xz', 'tar.zst', 'zip']) {
    const whole = readFileSync(join(work, `app.${suffix}`))
    writeFileSync(join(work, `cut.${suffix}`), whole.subarray(0, Math.floor(whole.length / 2)))
    expect((await problemOf(pack(join(work, `cut.${suffix}`)))).code, suffix).toBe('release-damaged')
    writeFileSync(join(work, `no.${suffix}`), 'this is not an archive, it is a text of some length'.repeat(40))
    expect((await problemOf(pack(join(work, `no.${suffix}`)))).code, suffix).toBe('release-damaged')
  }
})

test('a zip with names or links that lead out is refused, an encrypted one too, and one from Windows finds its programs', async () => {
  const python = (code: string) => tool('python3', ['-c', `import zipfile, os\n${code}`], work)
  python(`
z = zipfile.ZipFile('up.zip', 'w'); z.writestr('../escape', 'x'); z.close()
z = zipfile.ZipFile('link.zip', 'w'); i = zipfile.ZipInfo('l'); i.create_system = 3; i.external_attr = 0o120777 << 16; z.writestr(i, '/etc/passwd'); z.close()
z = zipfile.ZipFile('dos.zip', 'w')
for name, data in (('run', b'#!/bin/sh\\n'), ('app', b'\\x7fELF' + bytes(60)), ('text', b'x')):
    i = zipfile.ZipInfo(name); i.create_system = 0; z.writestr(i, data)
z.close()`)
  expect((await problemOf(pack(join(work, 'up.zip')))).found).toMatch(/\.\.\/escape/)
  expect((await problemOf(pack(join(work, 'link.zip')))).found).toMatch(/is absolute/)
  const dos = await pack(join(work, 'dos.zip'))
  expect(dos.entries.map((entry) => [entry.path, entry.type === 'file' ? entry.mode : entry.type])).toEqual([
    ['app', '0755'],
    ['run', '0755'],
    ['text', '0644'],
  ])
  const root = lay('app', { a: 'x' })
  tool('zip', ['-q', '-P', 'password', join(work, 'secret.zip'), 'a'], root)
  expect((await problemOf(pack(join(work, 'secret.zip')))).found).toMatch(/encrypted/)
})
