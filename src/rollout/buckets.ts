import type { SshConnection } from '../host/connection.ts'
import type { S3Replica } from '../inventory/model.ts'
import type { Probed } from '../replica/conditional.ts'
import { type OnHost, openDirectoryStore } from '../replica/directory-store.ts'
import { openDirectly } from '../replica/open.ts'
import { openS3Store, storeLimits } from '../replica/s3-store.ts'
import type { OpenStore } from '../replica/store.ts'
import { direct, isOnLoopback, type Way, whyNotDirectly } from '../replica/way.ts'
import type { Report } from '../report/events.ts'

/**
 * How the operator's side of a run gets to the buckets (ownership.md, "Where it is stored"): directly, or through the SSH
 * connection of the host that the question is about.
 */
export interface Buckets {
  /** This connection carries, from now on, what concerns its host: the newest one counts, for older ones may be lost. */
  carriedBy: (connection: SshConnection) => void
  /**
   * Opens replicas for what concerns this host; by which way is found out once a run, and told when it is not the direct one.
   * Without a connection to the host there is only the direct one.
   */
  openFor: (host: string) => OpenStore
  /** What users the apps of a host have there, where they are not called as their app: of services, before a first launch. */
  usersOn: (host: string, users: ReadonlyMap<string, string>) => void
  /** Whether they enforce conditional writes, as far as it has been asked for. */
  probed: Probed
}

/**
 * `reach` answers why an endpoint cannot be reached from here, or null (`whyNotDirectly`); `onHost` runs programs over a
 * connection, for replicas in directories.
 */
export function createBuckets(
  report: Report,
  reach: typeof whyNotDirectly = whyNotDirectly,
  onHost?: (connection: SshConnection) => OnHost['run'],
): Buckets {
  const carriers = new Map<string, SshConnection>()
  const users = new Map<string, ReadonlyMap<string, string>>()
  // The same for all hosts, who may be many: one server that does not answer is waited for once.
  const looked = new Map<string, Promise<string | null>>()
  const ways = new Map<string, Promise<Way>>()

  const reasonNot = (endpoint: string): Promise<string | null> => {
    const known = looked.get(endpoint) ?? reach(endpoint)
    looked.set(endpoint, known)
    return known
  }

  async function decide(replica: S3Replica, host: string): Promise<Way> {
    if (!carriers.has(host)) return direct
    const own = isOnLoopback(replica.endpoint)
    const reason = own ? `${replica.endpoint} is another machine than on ${host}` : await reasonNot(replica.endpoint)
    if (reason === null) return direct
    const what = own ? `is on ${host} itself` : `is not reachable from here (${reason})`
    const detail = `${replica.name} ${what}; through the SSH connection of ${host}`
    report({ type: 'host-step', host, step: 'bucket', detail })
    return { kind: 'through', host, reason, openChannel: (address, port) => carrier(host).openChannel(address, port) }
  }

  function carrier(host: string): SshConnection {
    const connection = carriers.get(host)
    if (connection === undefined) throw new Error(`nothing is connected to ${host}`)
    return connection
  }

  return {
    carriedBy: (connection) => void carriers.set(connection.host, connection),
    openFor: (host) => async (replica, limits) => {
      if (replica.type === 'file') {
        const connection = carriers.get(host)
        // the newest connection at each request, for an older one may be lost
        return connection === undefined || onHost === undefined
          ? openDirectly(replica)
          : openDirectoryStore(replica, {
              host,
              run: (job) => onHost(carrier(host))(job),
              userOf: (app) => users.get(host)?.get(app) ?? null,
            })
      }
      const key = `${replica.name} ${host}`
      const way = ways.get(key) ?? decide(replica, host)
      ways.set(key, way)
      return openS3Store(replica, limits ?? storeLimits, await way)
    },
    usersOn: (host, of) => void users.set(host, of),
    probed: new Map(),
  }
}
