import { resolvedCommand } from '../desired/command.ts'
import { type App, stateDirectory } from '../inventory/model.ts'

/** How a host's programs ask whether an app is well (templates/host/apply/healthy.sh): kind, then its arguments. */
export function healthCheck(app: App, user: string): string[] {
  const { health } = app
  switch (health?.kind) {
    case undefined:
      return ['none']
    case 'http':
      return ['http', health.url]
    case 'tcp':
      return ['tcp', health.host, String(health.port)]
    case 'command': {
      const folder = app.service === null ? stateDirectory(app.name) : '/'
      return ['command', user, folder, ...resolvedCommand(app, health.command)]
    }
  }
}
