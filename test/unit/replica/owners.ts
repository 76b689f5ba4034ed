import type { Owner } from '../../../src/replica/owner.ts'

export const attic = { host: 'pi-attic', id: 'a'.repeat(64) }
export const cellar = { host: 'pi-cellar', id: 'c'.repeat(64) }

/** A proven owner object, with changes. */
export function ownerWith(changes: Partial<Owner> = {}): Owner {
  return {
    v: 1,
    epoch: 1,
    path: 'e0001-0a1b2c3d',
    write: '11111111-1111-4111-8111-111111111111',
    holder: attic,
    from: null,
    uid: 990,
    gid: 991,
    dbs: { main: { init: true } },
    past: [],
    ...changes,
  }
}
