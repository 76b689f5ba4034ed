import { getObject, type LabHost, shellInHost } from '../lab/index.ts'
import { pagesApp } from './host-state.ts'
import { eventsOf, notesApp, type Run, type Site, site, writeRow } from './site.ts'

/** The parts of an owner object that a rename is about. */
export interface RenamedOwner {
  holder: { host: string } | null
  path: string
  from: unknown
  dbs: Record<string, { init: boolean }>
  epoch: number
  past: { path: string; end: Record<string, string> | null }[]
}

/** Where the database of `shop` is asked for, and the pages that have none. */
export const ports = { shop: 8171, pages: 8172 }
export const conf = { from: import.meta.filename, template: false }

/** One host with an app that has a database and files of the user's, and one that has none. */
export interface Renamed {
  lab: Site
  host: LabHost
  shop: (more?: object) => object
  pages: (more?: object) => object
  owner: (app: string) => Promise<RenamedOwner | null>
  /** Name, uid, gid and home of a user, or nothing. */
  account: (user: string) => Promise<string>
}

/** The site `name`, with its apps called `shop` and `pages` provisioned and one row in it: kept. */
export async function renamed(name: string, host: string, called: { shop: string; pages: string }): Promise<Renamed> {
  const shop = (more: object = {}) => notesApp(host, ports.shop, { files: { 'a.conf': conf, 'b.conf': conf }, ...more })
  const pages = (more: object = {}) => ({ ...pagesApp(host, ports.pages), ...more })
  const lab = await site(name, [{ name: host }], { apps: { [called.shop]: shop(), [called.pages]: pages() } })
  const one = lab.host(host)
  await lab.provision()
  await writeRow(one, ports.shop, 'kept')
  return {
    lab,
    host: one,
    shop,
    pages,
    owner: async (app) => {
      const body = await getObject(lab.lab.instance, `${name}/${app}/owner.json`)
      return body === null ? null : (JSON.parse(body.toString()) as RenamedOwner)
    },
    account: (user) => shellInHost(one, 'getent passwd "$1" | cut -d: -f1,3,4,6 || :', [user]),
  }
}

export const problems = (run: Run) => eventsOf(run, 'problem').map(({ problem }) => (problem as { code: string }).code)
