import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, realpath, rename, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { exitCodes, Problem } from '../problem.ts'
import { errorCode, errorText } from './error-code.ts'
import { hashedNames, hostKeyType, namesMatch, parseKnownHosts, type KnownHostsLine } from './known-hosts.ts'

/**
 * Reads all known_hosts files; one that is not there holds nothing.
 * Throws Problem `known-hosts-unreadable`: without its keys a changed one could pass for new.
 */
export async function readKnownHosts(files: string[]): Promise<KnownHostsLine[]> {
  const all = await Promise.all([...new Set(files)].map(async (file) => parseKnownHosts(await readOrEmpty(file), file)))
  return all.flat()
}

async function readOrEmpty(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return ''
    throw new Problem({
      code: 'known-hosts-unreadable',
      doing: `reading the host keys in ${file}`,
      found: errorText(error),
      next: `make ${file} readable for this user (ls -l), or name another with UserKnownHostsFile`,
      exit: exitCodes.usage,
      cause: error,
    })
  }
}

/**
 * Reads the file of RevokedHostKeys as lines that revoke its keys for every host (ssh_config(5)).
 * Throws Problem `ssh-config` for a file that is not there or is a KRL: with ssh, too, no host can then be trusted.
 */
export async function readRevokedKeys(file: string, host: string): Promise<KnownHostsLine[]> {
  const refuse = (found: string, next: string): Problem =>
    new Problem({
      code: 'ssh-config',
      doing: `reading RevokedHostKeys for ${host}`,
      found,
      next,
      host,
      exit: exitCodes.usage,
    })
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw refuse(errorText(error), 'make the file readable, or take RevokedHostKeys out of your ssh configuration')
  })
  if (text.startsWith('SSHKRL\n\0'))
    throw refuse(
      `${file} is a binary key revocation list`,
      'keep the revoked keys as a text file, one public key a line',
    )
  const lines = text.split('\n').map((line) => (/^\s*(#|$)/.test(line) ? line : `@revoked * ${line}`))
  return parseKnownHosts(lines.join('\n'), file)
}

const writing = new Map<string, Promise<void>>()

/**
 * Adds a host's key to a known_hosts file (0600, its folder 0700 when they are new), unless the file holds it already.
 * Hosts connect in parallel: the calls for one file take turns, so that a bastion seen by ten of them gets one line.
 */
export async function recordHostKey(file: string, name: string, key: Buffer, hash: boolean): Promise<void> {
  const turn = (writing.get(file) ?? Promise.resolve()).then(() => append(file, name, key, hash))
  // The next in line waits for this one to end, however it ends.
  writing.set(
    file,
    turn.catch(() => {}),
  )
  await turn
}

/**
 * Takes the keys of a host out of a known_hosts file, which is kept as it was beside it (`.old`). As `ssh-keygen -R`, lines with a marker
 * stay; those that mean other hosts too, by a pattern, stay as well.
 */
export async function forgetHostKeys(file: string, name: string): Promise<void> {
  const turn = (writing.get(file) ?? Promise.resolve()).then(() => remove(file, name))
  writing.set(
    file,
    turn.catch(() => {}),
  )
  await turn
}

async function remove(named: string, name: string): Promise<void> {
  // Whoever keeps it elsewhere, behind a link, is to find it there.
  const file = await realpath(named)
  const text = await readFile(file, 'utf8')
  const gone = new Set(
    parseKnownHosts(text, file)
      .filter(({ marker, names }) => marker === null && !/[*?!]/.test(names) && namesMatch(names, name))
      .map(({ line }) => line),
  )
  if (gone.size === 0) return
  const left = text.split('\n').filter((_, index) => !gone.has(index + 1))
  const { mode } = await stat(file)
  await writeFile(`${file}.old`, text, { mode: mode & 0o777 })
  const fresh = `${file}.${randomBytes(4).toString('hex')}`
  await writeFile(fresh, left.join('\n'), { mode: mode & 0o777, flag: 'wx' })
  await rename(fresh, file)
}

async function append(file: string, name: string, key: Buffer, hash: boolean): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 })
  const handle = await open(file, 'a+', 0o600)
  try {
    const text = await handle.readFile('utf8')
    const held = parseKnownHosts(text, file)
    if (held.some((line) => line.marker === null && line.key.equals(key) && namesMatch(line.names, name))) return
    const names = hash ? hashedNames(name, randomBytes(20)) : name
    const line = `${names} ${hostKeyType(key)} ${key.toString('base64')}\n`
    // A last line without its newline would swallow ours.
    await handle.write(text === '' || text.endsWith('\n') ? line : `\n${line}`)
  } finally {
    await handle.close()
  }
}
