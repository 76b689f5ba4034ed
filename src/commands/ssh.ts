import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { clientConfig } from '../host/client-config.ts'
import { errorCode } from '../host/error-code.ts'
import { sshSettings } from '../host/ssh-settings.ts'
import { findInventory } from '../inventory/find.ts'
import { loadInventory } from '../inventory/load.ts'
import { exitCodes, Problem } from '../problem.ts'
import { hostNamed } from './app-hosts.ts'

/**
 * `streamside ssh HOST [CMD…]`: hands over to the user's own ssh, with the address, port, user, jump hosts and known hosts that
 * streamside itself would use. The exit status is ssh's (255 when it could not connect).
 * @throws InventoryProblem, Problem `host-unknown`, `no-ssh`, and those of `sshSettings`
 */
export async function runSsh(options: { inventory?: string; host: string; command: string[] }): Promise<number> {
  const { inventory } = await loadInventory(options.inventory ?? (await findInventory(process.cwd())), {
    skipSecrets: true,
    skipLocalFiles: true,
  })
  const host = hostNamed(inventory, options.host)
  const settings = await sshSettings({ ...host, config: inventory.ssh.config, host: host.name })
  const folder = await mkdtemp(path.join(os.tmpdir(), 'streamside-ssh-'))
  try {
    // A file, not options: ssh hands it on to the ssh that it starts for a jump host, whose key then stands in the same files.
    const config = path.join(folder, 'config')
    await writeFile(config, clientConfig(inventory.ssh, settings), { mode: 0o600 })
    const where = [
      ...(host.port === null ? [] : ['-p', String(host.port)]),
      ...(host.user === null ? [] : ['-l', host.user]),
    ]
    return await handOver(['-F', config, ...where, '--', host.address, ...afterDashes(options.command)], host.name)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** As one writes it for ssh itself, where `--` ends the options; it is no part of the command. */
function afterDashes(command: string[]): string[] {
  return command[0] === '--' ? command.slice(1) : command
}

function handOver(argv: string[], host: string): Promise<number> {
  // Ctrl-C is ssh's: it gets the terminal's signals itself, and decides what becomes of them.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.removeAllListeners(signal)
  process.on('SIGINT', () => {})
  return new Promise((resolve, reject) => {
    const child = spawn('ssh', argv, { stdio: 'inherit' })
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
    child.on('error', (error) =>
      reject(
        errorCode(error) === 'ENOENT'
          ? new Problem({
              code: 'no-ssh',
              doing: `starting ssh to ${host}`,
              found: 'there is no ssh on this machine',
              next: 'install the OpenSSH client (apt-get install openssh-client)',
              host,
              exit: exitCodes.failed,
            })
          : error,
      ),
    )
    child.on('close', (code, signal) => resolve(code ?? 128 + (os.constants.signals[signal ?? 'SIGTERM'] ?? 0)))
  })
}
