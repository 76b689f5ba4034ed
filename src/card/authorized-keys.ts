import { readdir, readFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { errorCode, errorText } from '../host/error-code.ts'
import { exitCodes, Problem } from '../problem.ts'

const keyLine =
  /^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/=]+( .*)?$/

/**
 * The public keys that may log in to a new card.
 * @param entries of the inventory: keys, or paths of files with some, relative to `folder`; null = those of ~/.ssh
 * @throws Problem `card-keys` (exit 2)
 */
export async function authorizedKeys(host: string, entries: string[] | null, folder: string): Promise<string[]> {
  const found: string[] = []
  for (const entry of entries ?? (await ownKeys()))
    if (keyLine.test(entry.trim())) found.push(entry.trim())
    else found.push(...(await keysOf(host, path.resolve(folder, entry.replace(/^~(?=\/)/, os.homedir())))))
  if (found.length > 0) return [...new Set(found)]
  throw refuse(
    host,
    `there is no public key in ${path.join(os.homedir(), '.ssh')}`,
    'make one (ssh-keygen -t ed25519), or name some in the inventory: authorized-keys under card',
  )
}

async function ownKeys(): Promise<string[]> {
  const folder = path.join(os.homedir(), '.ssh')
  const names = await readdir(folder).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  })
  return names.filter((name) => /^id_.*\.pub$/.test(name)).map((name) => path.join(folder, name))
}

async function keysOf(host: string, file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw refuse(host, `${file}: ${errorText(error)}`, 'name a .pub file, or write the key itself')
  })
  const lines = text.split('\n').flatMap((line) => (/^\s*(#|$)/.test(line) ? [] : [line.trim()]))
  const wrong = lines.find((line) => !keyLine.test(line))
  if (wrong === undefined && lines.length > 0) return lines
  const found = /PRIVATE KEY/.test(text)
    ? `${file} is a private key`
    : lines.length === 0
      ? `${file} holds no key`
      : `${file} holds a line that is no public key`
  throw refuse(host, found, 'name the .pub file beside the private one')
}

function refuse(host: string, found: string, next: string): Problem {
  return new Problem({
    code: 'card-keys',
    doing: `looking up who may log in to ${host}`,
    found,
    next: `${next}; nothing was written`,
    host,
    exit: exitCodes.usage,
  })
}
