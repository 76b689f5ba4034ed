import fc from 'fast-check'
import { expect, test } from 'vitest'
import { freeAccountId } from '../../../src/desired/accounts.ts'
import { metricsPorts } from '../../../src/desired/ports.ts'
import { mountUnitName } from '../../../src/desired/storage.ts'
import { app } from '../inventory/made.ts'

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/)

test('a metrics port does not move when apps are added', () => {
  fc.assert(
    fc.property(fc.uniqueArray(name, { minLength: 2, maxLength: 40 }), (names) => {
      const [added, ...before] = names
      const first = metricsPorts(
        before.map((each) => app(each)),
        {},
      )
      const second = metricsPorts([app(added ?? ''), ...before.map((each) => app(each))], first)
      for (const each of before) expect(second[each]).toBe(first[each])
      expect(new Set(Object.values(second)).size).toBe(names.length)
    }),
  )
})

test("a metrics port given in the inventory wins, and nobody else's port is taken", () => {
  const ports = metricsPorts(
    [app('a', { litestream: { ...app('a').litestream, metricsPort: 24_500 } }), app('b', { port: 24_600 }), app('c')],
    { c: 24_500, b: 24_600 },
  )
  expect(ports['a']).toBe(24_500)
  expect(ports['b']).not.toBe(24_600)
  expect(ports['c']).not.toBe(24_500)
})

test('an account id follows from the name, and a taken one is passed over', () => {
  const id = freeAccountId('notes', new Set())
  expect(freeAccountId('notes', new Set())).toBe(id)
  expect(freeAccountId('notes', new Set([id]))).not.toBe(id)
  const all = new Set(Array.from({ length: 300 }, (_, n) => 690 + n))
  expect(() => freeAccountId('notes', all)).toThrow(RangeError)
})

// Answers of systemd-escape(1) --path --suffix=mount, systemd 252.
test.each([
  ['/var/lib/notes/data', 'var-lib-notes-data.mount'],
  ['/var/lib/my-app/data', 'var-lib-my\\x2dapp-data.mount'],
  ['/var/lib/a/é b%', 'var-lib-a-\\xc3\\xa9\\x20b\\x25.mount'],
])('the mount unit of %s has the name that systemd demands', (folder, unit) => {
  expect(mountUnitName(folder)).toBe(unit)
})
