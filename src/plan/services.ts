import { type Account, type ServiceFacts, settingsOf } from '../desired/service.ts'
import type { Observed } from '../host/observed.ts'
import type { App, Service } from '../inventory/model.ts'
import { Problem } from '../problem.ts'
import { type Manifest, readManifest } from './manifest.ts'

/**
 * What the services of a host are, by app; null for one whose package is not installed yet: that comes first, and then what it
 * has brought is looked at.
 * @throws Problem `service-unknown`, `service-alias`, `service-masked`, `service-dynamic-user`, `service-user-unknown`,
 *   `service-not-wal`, `unit-unreadable`
 */
export function serviceFacts(apps: App[], observed: Observed, host: string): Map<string, ServiceFacts | null> {
  const recorded = readManifest(observed.manifest)
  return new Map(
    apps.flatMap((app) =>
      app.service === null
        ? []
        : [[app.name, factsOf({ app, service: app.service, observed, recorded, host })] as const],
    ),
  )
}

interface Looking {
  app: App
  service: Service
  observed: Observed
  recorded: Manifest
  host: string
}

function factsOf(looking: Looking): ServiceFacts | null {
  const { app, service, observed, recorded } = looking
  const seen = observed.services.get(service.unit)
  const property = (name: string) => seen?.properties.get(name) ?? ''
  const isThere = seen !== undefined && property('LoadState') !== 'not-found'
  if (service.package !== null && !observed.packages.has(service.package)) return null
  if (!isThere && service.from === null) throw unknownUnit(looking)
  if (isThere) refuseUnit(looking, property)

  const text = service.from === null ? null : settingsOf(app, service.from)
  const setting = (name: string) => text?.get(name) ?? property(name)
  const account = accountOf(looking, setting('User'))
  refuseDatabases(looking)
  const before = recorded.services?.[app.name]
  const type = setting('Type')
  // One that is laid by us is enabled by us, where it says when it is to start.
  const unitFileState = text === null ? property('UnitFileState') : installs(text) ? '' : 'static'
  return {
    account,
    onDemand: (type === 'oneshot' && setting('RemainAfterExit') !== 'yes') || unitFileState === 'static',
    unitFileState,
    own: text ?? seen?.own ?? new Map<string, string>(),
    before:
      before?.unit === service.unit
        ? { enabled: before.enabled, active: before.active }
        : {
            enabled: isThere && property('UnitFileState') !== 'disabled',
            active: isThere && ['active', 'activating', 'reloading'].includes(property('ActiveState')),
          },
  }
}

/** Whether a unit file has something in its [Install] section. */
function installs(settings: ReadonlyMap<string, string>): boolean {
  return ['WantedBy', 'RequiredBy', 'UpheldBy', 'Alias', 'Also'].some((key) => settings.has(key))
}

function unknownUnit({ app, service, host }: Looking): Problem {
  return refused({ app, host }, 'service-unknown', {
    found:
      service.package === null
        ? `there is no unit ${service.unit} on ${host}`
        : `the package ${service.package} is installed, and brings no unit ${service.unit}`,
    next:
      service.package === null
        ? `name the package that brings it (service.package), or give a unit file of your own (service.from)`
        : `see what it brings (streamside ssh ${host} dpkg -L ${service.package}), and mend service.unit of ${app.name}`,
  })
}

function refuseUnit({ app, service, host }: Looking, property: (name: string) => string): void {
  const { unit } = service
  if (property('Id') !== unit)
    throw refused({ app, host }, 'service-alias', {
      found: `${unit} is another name of ${property('Id')}`,
      next: `write  unit: ${property('Id')}  in the inventory`,
    })
  if (property('LoadState') === 'masked')
    throw refused({ app, host }, 'service-masked', {
      found: `${unit} is masked: somebody has seen to it that it does not run`,
      next: `streamside ssh ${host} sudo systemctl unmask ${unit}, then run this again`,
    })
  if (property('DynamicUser') === 'yes')
    throw refused({ app, host }, 'service-dynamic-user', {
      found: `${unit} has DynamicUser=yes: its user is made anew at each start, and Litestream cannot be that user`,
      next: `give it a user of its own in a drop-in of yours (systemctl edit ${unit}: DynamicUser=no, User=…), and its files to that user`,
    })
}

/**
 * Whose the databases are: the inventory's word, else that of the first run, else the files' owner, else the user that the unit
 * runs as. A unit without User= may give its files to anybody, as daemons do that begin as root.
 */
function accountOf({ app, service, observed, recorded, host }: Looking, unitUser: string): Account {
  const owners = [...new Set(Object.values(app.databases).flatMap((file) => observed.databases.get(file)?.owner ?? []))]
  const before = recorded.services?.[app.name]
  const user = service.user ?? (before?.unit === service.unit ? before.user : null) ?? owners[0] ?? (unitUser || null)
  if (Object.keys(app.databases).length === 0) {
    const runsAs = service.user ?? (unitUser || 'root')
    return { user: runsAs, group: 'root', uid: 0, gid: 0, ...observed.serviceAccounts.get(runsAs) }
  }
  const next = `say whose they are:  service: { unit: ${service.unit}, user: NAME }  under ${app.name}`
  if (user === null)
    throw refused({ app, host }, 'service-user-unknown', {
      found: `${service.unit} has no User=, and none of its databases is there: whose they will be is not known`,
      next: `${next}, or start the service once, so that it makes them`,
    })
  if (before?.unit !== service.unit && owners.some((owner) => owner !== user))
    throw refused({ app, host }, 'service-user-unknown', {
      found: `the databases of ${app.name} belong to ${owners.join(' and ')}, and Litestream runs as one user${service.user === null ? '' : ` (${user}, by the inventory)`}`,
      next:
        service.user === null ? 'make them one app a user' : `${next}, the one they have; their owner is not changed`,
    })
  const account = observed.serviceAccounts.get(user)
  if (!account)
    throw refused({ app, host }, 'service-user-unknown', {
      found: `the databases of ${app.name} belong to ${user}, which is no user of ${host}`,
      next: `make a system user for them on ${host}, and ${next}`,
    })
  return { user, ...account }
}

/** Litestream switches what it opens to WAL mode; that is the user's to say, for another program may not expect it. */
function refuseDatabases({ app, observed, host, recorded, service }: Looking): void {
  if (app.litestream.switchToWal) return
  const isAdopted = recorded.services?.[app.name]?.unit === service.unit
  for (const [name, file] of Object.entries(app.databases)) {
    const seen = observed.databases.get(file)
    // What is gone of an adopted service is restored, and is in WAL mode then.
    if (seen?.journal === 'wal' || (isAdopted && seen?.journal !== 'rollback')) continue
    throw refused({ app, host }, 'service-not-wal', {
      found:
        seen?.journal === 'rollback'
          ? `the database ${name} (${file}) is not in WAL mode, which Litestream needs`
          : `the database ${name} (${file}) is not there yet, and SQLite makes one without WAL mode, which Litestream needs, unless its service says otherwise`,
      next: `let it be switched:  litestream: { wal: switch }  under ${app.name} (the service then needs write access to its folder); ${seen?.journal === 'rollback' ? 'nothing was changed' : 'or start the service once, so that it makes its database'}`,
    })
  }
}

function refused(
  { app, host }: { app: App; host: string },
  code: string,
  what: { found: string; next: string },
): Problem {
  return new Problem({
    code,
    doing: `adopting ${app.service?.unit ?? app.name} on ${host}`,
    ...what,
    host,
    app: app.name,
  })
}
