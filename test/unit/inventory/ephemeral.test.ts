import { expect, test } from 'vitest'
import { describeMistake } from '../../../src/inventory/mistake.ts'
import { inventoryWith, loadText, mistakesOf } from './workspace.ts'

const ephemeral = (...lines: string[]) =>
  inventoryWith(
    [
      '  notes:',
      'host: pi-attic',
      'release: { from: ./dist, command: ./serve }',
      'storage: { ephemeral: 64M }',
      ...lines,
    ]
      .join('\n    ')
      .concat('\n'),
  )

test.each([
  [
    'a database in a folder of its own, files beside it',
    'database: data/notes.db',
    'files: { notes.conf: { from: ./dist/serve } }',
  ],
  [
    'a database in the state directory, files in /etc',
    'database: notes.db',
    'files: { /etc/notes/conf: { from: ./dist/serve } }',
  ],
  ['two databases in one folder', 'databases: { one: data/one.db, two: data/two.db }', 'port: 8080'],
])('ephemeral storage takes %s', async (_, ...lines) => {
  await expect(loadText(ephemeral(...lines))).resolves.toBeDefined()
})

test.each([
  [
    'two databases in two folders',
    ['databases: { one: data/one.db, two: other/two.db }'],
    'apps.notes.databases.two: ephemeral storage is one folder, and the first database lies in /var/lib/notes/data',
  ],
  [
    'a file in the folder that goes',
    ['database: data/notes.db', 'files: { data/notes.conf: { from: ./dist/serve } }'],
    'apps.notes.files."data/notes.conf": lies in /var/lib/notes/data, which is ephemeral: it would be gone after a reboot',
  ],
  [
    'a file in a state directory that goes as a whole',
    ['database: notes.db', 'files: { notes.conf: { from: ./dist/serve } }'],
    'apps.notes.files."notes.conf": lies in /var/lib/notes, which is ephemeral: it would be gone after a reboot',
  ],
  [
    'a line break in the name of its folder',
    [String.raw`database: "da\nta/notes.db"`],
    'apps.notes.database: the folder of ephemeral storage has a line break or another control character in its name',
  ],
  [
    'a folder that ends in a blank',
    ['databases: { one: "data /one.db", two: "data /two.db" }'],
    'apps.notes.databases.one: the folder of ephemeral storage has a name that ends in a blank',
  ],
  [
    'a backslash in the name of its folder',
    [String.raw`database: 'da\ta/notes.db'`],
    'apps.notes.database: the folder of ephemeral storage has a backslash in its name',
  ],
  [
    'no database',
    ['port: 8080'],
    'apps.notes.storage: ephemeral storage without a database: there is nothing to bring back',
  ],
])('ephemeral storage with %s is a mistake', async (_, lines, says) => {
  expect((await mistakesOf(loadText(ephemeral(...lines)))).map(describeMistake).join('\n')).toContain(says)
})
