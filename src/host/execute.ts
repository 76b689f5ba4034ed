import type { Readable } from 'node:stream'
import type { Client, ClientChannel } from 'ssh2'

interface Execution {
  input: Readable | undefined
  onChannel: (channel: ClientChannel) => void
  onStdout: (chunk: Buffer) => void
  onStderr: (chunk: Buffer) => void
}

/**
 * Runs a command line; settles when its channel is closed, with neither code nor signal when the connection died. node-ssh's own way
 * would keep all that is printed for as long as it runs, which `logs -f` does for days.
 */
export function execute(
  client: Client,
  command: string,
  { input, onChannel, onStdout, onStderr }: Execution,
): Promise<{ code: number | null; signal: string | null }> {
  return new Promise((resolve, reject) => {
    client.once('error', reject)
    client.exec(command, (error, channel) => {
      client.removeListener('error', reject)
      if (error) {
        reject(error)
        return
      }
      onChannel(channel)
      channel.on('data', onStdout)
      channel.stderr.on('data', onStderr)
      if (input) input.pipe(channel)
      else channel.end()
      let code: number | null = null
      let signal: string | null = null
      channel.on('exit', (status: number | null, name?: string) => {
        code = status
        signal = name ?? null
      })
      channel.on('error', reject)
      channel.on('close', () => resolve({ code, signal }))
    })
  })
}
