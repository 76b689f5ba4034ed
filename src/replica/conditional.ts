import { randomUUID } from 'node:crypto'
import type { S3Replica } from '../inventory/model.ts'
import { Problem } from '../problem.ts'
import { UnknownOutcome, type Condition, type ObjectStore } from './store.ts'
import { isOnLoopback } from './way.ts'

/**
 * Writes to the bucket to learn whether it enforces conditional writes, which is what keeps two owners apart. Some servers
 * ignore the headers and answer 200, so only the second write tells. The probe object is deleted again.
 * Returns null when they are enforced, else what was seen. Throws Problem when the bucket cannot be used at all.
 */
export async function probeConditionalWrites(store: ObjectStore, prefix: string): Promise<string | null> {
  const key = `${prefix === '' ? '' : `${prefix}/`}streamside-probe-${randomUUID()}`
  const missing = `${key}-missing`
  const steps: {
    what: string
    key: string
    condition: () => Condition | Promise<Condition>
    want: 'done' | 'conflict'
  }[] = [
    { what: 'If-None-Match: * on a new key', key, condition: () => ({ kind: 'absent' }), want: 'done' },
    { what: 'If-None-Match: * on an existing key', key, condition: () => ({ kind: 'absent' }), want: 'conflict' },
    { what: 'If-Match with another etag', key, condition: () => ({ kind: 'etag', etag: wrongEtag }), want: 'conflict' },
    {
      what: 'If-Match on a missing key',
      key: missing,
      condition: () => ({ kind: 'etag', etag: wrongEtag }),
      want: 'conflict',
    },
    { what: 'If-Match with the right etag', key, condition: () => currentEtag(store, key), want: 'done' },
  ]
  const written = new Set<string>()
  try {
    for (const step of steps) {
      const got = await store.put(step.key, `${step.what}\n`, await step.condition())
      if (got === 'done') written.add(step.key)
      if (got !== step.want)
        return got === 'done'
          ? `a write with ${step.what} was carried out instead of being refused`
          : `a write with ${step.what} was refused`
    }
    return null
  } catch (error) {
    if (error instanceof Problem && error.code === 'conditional-writes-missing') return error.found
    if (error instanceof UnknownOutcome) {
      for (const step of steps) written.add(step.key)
      throw new Problem({
        code: 'replica-unreachable',
        doing: `probing conditional writes in ${store.where}`,
        found: error.message,
        next: 'run this again when the server answers',
        cause: error,
      })
    }
    throw error
  } finally {
    for (const probe of written) await store.remove(probe)
  }
}

const wrongEtag = '"00000000000000000000000000000000"'

async function currentEtag(store: ObjectStore, key: string): Promise<Condition> {
  const object = await store.get(key)
  if (!object)
    throw new Problem({
      code: 'replica-unexpected-answer',
      doing: `probing conditional writes in ${store.where}`,
      found: `${key} was written and then was not there`,
      next: 'this server loses what it has acknowledged: do not keep a replica on it',
    })
  return { kind: 'etag', etag: object.etag }
}

/**
 * What a run has found out about its buckets, by server, bucket and way. Kept for a run and no longer: a server may be replaced
 * behind the same name, and is asked again when an owner object is made.
 */
export type Probed = Map<string, Promise<void>>

/**
 * Makes sure that the bucket enforces conditional writes: probed once a run (on loopback: once a host), also when ten hosts of
 * one bucket ask at the same moment.
 * Throws Problem `replica-no-conditional-writes`, naming the two ways out.
 */
export async function requireConditionalWrites(
  store: ObjectStore,
  replica: S3Replica,
  alternatives: readonly string[],
  { probed, host }: { probed: Probed; host: string },
): Promise<void> {
  // One address on loopback is another server on each host. Two ways to one bucket fail apart, and each names its own host.
  const server = isOnLoopback(replica.endpoint) ? `${host} ${replica.endpoint}` : replica.endpoint
  const key = [server, replica.bucket, store.where].join('\n')
  const known = probed.get(key)
  if (known) return known
  const probe = (async () => {
    const seen = await probeConditionalWrites(store, replica.prefix)
    if (seen !== null) throw notEnforced(store, replica, alternatives, seen)
  })()
  probed.set(key, probe)
  try {
    await probe
  } catch (error) {
    probed.delete(key)
    throw error
  }
}

function notEnforced(store: ObjectStore, replica: S3Replica, alternatives: readonly string[], seen: string): Problem {
  const elsewhere =
    alternatives.length > 0
      ? `\`ownership: ${alternatives[0]}\`${alternatives.length > 1 ? ` (or ${alternatives.slice(1).join(', ')})` : ''}`
      : '`ownership: NAME` with the name of another replica'
  return new Problem({
    code: 'replica-no-conditional-writes',
    doing: `probing conditional writes in ${store.where}`,
    found: `${seen}: this server cannot keep two owners apart`,
    next:
      `say under replica ${replica.name} either ${elsewhere}: the small owner objects then live there, the data stay here; ` +
      'or `ownership: emulate`: works, but two operators within the same seconds are not kept apart',
  })
}
