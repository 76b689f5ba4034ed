import { spawn } from 'node:child_process'
import net from 'node:net'
import { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expandProxyCommand, type SshSettings } from './ssh-settings.ts'

/**
 * Opens the TCP connection to a host. Throws the system's own error (ENOTFOUND, ECONNREFUSED …), or the signal's reason.
 */
export function openSocket(settings: SshSettings, signal: AbortSignal): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({
      host: settings.hostName,
      port: settings.port,
      family: settings.addressFamily,
      ...(settings.bindAddress === null ? {} : { localAddress: settings.bindAddress }),
      // ssh2 never sets it: an exec takes 44 ms instead of 3 on the fastest network.
      noDelay: true,
      // Node gives an address 250 ms before it tries the next, which a host behind a slow link misses.
      autoSelectFamilyAttemptTimeout: 3000,
    })
    const aborted = () => {
      socket.destroy()
      reject(signal.reason)
    }
    const failed = (error: Error) => {
      signal.removeEventListener('abort', aborted)
      reject(error)
    }
    socket.once('error', failed)
    socket.once('connect', () => {
      socket.removeListener('error', failed)
      signal.removeEventListener('abort', aborted)
      resolve(socket)
    })
    if (signal.aborted) aborted()
    else signal.addEventListener('abort', aborted, { once: true })
  })
}

/** The way to a host, with what whoever carries it has said on the side. */
export interface Transport {
  socket: Duplex
  /** Waits a moment for the carrier's last words; empty when there are none. */
  lastWords: () => Promise<string>
}

/** Starts the user's ProxyCommand, as ssh does: through the user's shell, its stdin and stdout as the connection. */
export function openProxyCommand(settings: SshSettings, command: string): Transport {
  const shell = process.env['SHELL'] || '/bin/sh'
  const child = spawn(shell, ['-c', `exec ${expandProxyCommand(command, settings)}`], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000)
  })
  const ended = new Promise<void>((resolve) => {
    child.on('close', (code) => {
      if (code !== 0 && code !== null) said = `${said.trim()} (the command ended with status ${code})`
      resolve()
    })
  })
  const socket = Duplex.from({ readable: child.stdout, writable: child.stdin })
  child.on('error', (error) => socket.destroy(error))
  // Nobody listens yet when a command ends at once: that it is over shows in its state, and why in its last words.
  socket.on('error', () => {})
  socket.on('close', () => child.kill())
  return {
    socket,
    // Its stdout, which ends the connection, may end before what it wrote to stderr has arrived.
    lastWords: async () => {
      await Promise.race([ended, sleep(500, undefined, { ref: false })])
      return said.trim()
    },
  }
}
