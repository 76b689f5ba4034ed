import { environmentOf, hostOf, type InventoryParts, type Lab, labInventory, shellInHost } from '../lab/index.ts'
import { notesApp, type Run, streamside, until } from '../hosts/site.ts'

/** A command of streamside that has to end with one of these codes; default 0. */
export type RunCommand = (args: string[], codes?: number[]) => Promise<Run>

/** A provisioned host with an app whose databases are filled, and all of them in the replica. */
export interface Filled {
  run: RunCommand
  /** Of the app in the bucket. */
  prefix: string
  /** Writes the inventory anew, with these settings of the app. */
  rewrite: (more: Record<string, unknown>) => Promise<void>
}

const fill = `
import sqlite3, sys, os
for path in sys.argv[2:]:
    db = sqlite3.connect(path)
    db.execute('pragma journal_mode=wal')
    db.execute('create table if not exists filling(body)')
    for _ in range(int(sys.argv[1])):
        db.execute('insert into filling values(?)', (os.urandom(500000).hex(),))
        db.commit()
    db.close()
`

/**
 * @param names of the databases, files data/NAME.db of the app
 * @param megabytes of each
 */
export async function filled(
  lab: Lab,
  {
    host: name,
    app,
    port,
    names,
    megabytes,
  }: { host: string; app: string; port: number; names: string[]; megabytes: number },
): Promise<Filled> {
  const { database: _, ...plain } = notesApp(name, port, { environment: { DATABASE: `data/${names[0]}.db` } })
  const databases = Object.fromEntries(names.map((db) => [db, `data/${db}.db`]))
  const write = (more: Record<string, unknown>) => {
    const parts: InventoryParts = { apps: { [app]: { ...plain, databases, ...more } }, replica: { prefix: 'bench' } }
    return labInventory(lab, parts, 'bench')
  }
  const inventory = await write({})
  const env = { ...process.env, ...(await environmentOf(lab.instance)), NO_COLOR: '1' }
  const run: RunCommand = async (args, codes = [0]) => {
    const answer = await streamside([...args, '--inventory', inventory], { env })
    if (!codes.includes(answer.code ?? -1))
      throw new Error(`${args[0]}: ${answer.code}\n${answer.stdout}\n${answer.stderr}`)
    return answer
  }
  await run(['provision', '--accept-new', '--json'])
  const paths = names.map((db) => `/var/lib/${app}/data/${db}.db`)
  await shellInHost(hostOf(lab, name), `runuser -u ${app} -- python3 -c "$@"`, [fill, String(megabytes), ...paths], {
    deadlineSeconds: 900,
  })
  await until('the replica to hold it', 600, async () => {
    const answer = await run(['status', '--json'], [0, 1, 6])
    return answer.code === 0 || null
  })
  return {
    run,
    prefix: `bench/${app}`,
    rewrite: async (more) => {
      await write(more)
    },
  }
}
