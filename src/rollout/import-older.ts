import { readFile } from 'node:fs/promises'
import type { SshConnection } from '../host/connection.ts'
import { runAsRoot } from '../host/root.ts'
import type { App, Host, S3Replica } from '../inventory/model.ts'
import { Problem } from '../problem.ts'
import type { PlainReplica } from '../replica/plain-replica.ts'
import { hostProgram } from '../templates/render.ts'
import type { RunContext } from './context.ts'
import { type Looked, supported } from './look.ts'

/**
 * Restores databases to their places on a host that does not have their app yet: out of a replica of Litestream 0.3, which 0.5 reads and
 * a gate cannot check beforehand. The keys go with the files of the run, in a folder that only root reads and that ends with it.
 * @throws Problem `import-failed`
 */
export async function restoreOlder(
  context: RunContext,
  host: Host,
  { app, data, found }: { app: App; data: S3Replica; found: ReadonlyMap<string, PlainReplica> },
  { observed }: Looked,
  connection: SshConnection,
): Promise<void> {
  const doing = `restoring ${app.name} on ${host.name} from its old replica`
  const { litestream } = await context.artifacts.forHost([app], supported(observed, host))
  if (!litestream) throw new Error('Litestream was not fetched')
  const config = {
    dbs: [...found].map(([name, { path }]) => ({
      path: app.databases[name],
      replica: {
        type: 's3',
        endpoint: data.endpoint,
        region: data.region,
        bucket: data.bucket,
        path,
        'force-path-style': true,
        'access-key-id': data.accessKeyId.reveal(),
        'secret-access-key': data.secretAccessKey.reveal(),
      },
    })),
  }
  const { code, stderr } = await runAsRoot(connection, {
    doing,
    files: [
      { name: 'restore-older.sh', content: hostProgram('restore-older.sh') },
      // JSON is YAML
      { name: 'litestream.yml', content: JSON.stringify(config) },
      ...(data.ca === null ? [] : [{ name: 'ca.pem', content: await readFile(data.ca) }]),
    ],
    streams: [{ name: 'litestream', path: litestream.binary, mode: 0o700 }],
    // /run is mounted noexec
    workIn: '/var/lib/streamside/incoming',
    program: 'restore-older.sh',
    args: [...found.keys()].map((name) => app.databases[name] ?? ''),
    sudoPassword: host.sudoPassword,
    ...(context.askSudoPassword ? { askPassword: () => context.askSudoPassword!(host.name) } : {}),
    deadlineSeconds: Infinity,
  })
  if (code === 0) return
  throw new Problem({
    code: 'import-failed',
    doing,
    found: stderr.trim() || `the program on the host ended with status ${code}`,
    next: 'nothing was put in place, and the old replica is as it was; run this again once that is mended',
    host: host.name,
    app: app.name,
  })
}
