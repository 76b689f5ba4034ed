/** Where an app's releases live; `current` beside them names the one that runs. */
export function releasesDirectory(app: string): string {
  return `/opt/${app}/releases`
}

export function currentLink(app: string): string {
  return `/opt/${app}/current`
}

/** The folder of everything streamside keeps for an app in /etc; root only, for it holds secrets. */
export function configDirectory(app: string): string {
  return `/etc/streamside/apps/${app}`
}

/** What an app's gate is told (`GateConfig`). */
export function gateConfigPath(app: string): string {
  return `${configDirectory(app)}/gate.json`
}

/** What the app's units should run from (`runs-from.ts`). */
export function runsFromPath(app: string): string {
  return `${configDirectory(app)}/runs-from`
}
