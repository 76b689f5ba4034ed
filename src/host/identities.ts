import { readFile } from 'node:fs/promises'
import type { ParsedKey, SigningRequestOptions } from 'ssh2'
import type { Secret } from '../inventory/secret.ts'
import { errorCode, errorText } from './error-code.ts'
import type { SshSettings } from './ssh-settings.ts'

/** A key that can be offered to a host: in the agent, or in a file (perhaps encrypted: then asked for only when accepted). */
export interface Identity {
  publicKey: ParsedKey
  /** For messages: `agent key ED25519 (joe@laptop)`, `/home/joe/.ssh/id_ed25519`. */
  label: string
  sign(data: Buffer, options: SigningRequestOptions): Promise<Buffer>
}

export interface Identities {
  offered: Identity[]
  /** Keys and agents that could not be used, each with its reason. */
  unusable: string[]
}

export type AskPassphrase = (prompt: string) => Promise<Secret>

/** Private keys of one run, each decrypted at most once, however many hosts take it. */
export interface Keyring {
  identities(settings: SshSettings): Promise<Identities>
}

/** Thrown by a signature that failed; its text goes into the answer of a host that then takes no other key. */
export class KeyUnusable extends Error {}

export function createKeyring(ask: AskPassphrase | undefined): Keyring {
  const decrypted = new Map<string, Promise<ParsedKey>>()
  return {
    /**
     * All keys that ssh would offer, in its order (pubkey_prepare() in sshconnect2.c): keys of the agent that the settings
     * name, the agent's other keys unless IdentitiesOnly, then files the agent does not hold.
     */
    async identities(settings) {
      const unusable: string[] = []
      const agent = await agentIdentities(settings.identityAgent, unusable)
      const files: KeyFile[] = []
      for (const file of settings.identityFiles) {
        const read = await readKeyFile(file)
        if (read.kind === 'unreadable') unusable.push(`${file}: ${read.why}`)
        else if (read.kind === 'key') files.push(read.key)
      }
      const same = (a: ParsedKey, b: ParsedKey) => a.getPublicSSH().equals(b.getPublicSSH())
      const named = files.flatMap((file) => agent.filter((held) => same(held.publicKey, file.publicKey)).slice(0, 1))
      const others = settings.identitiesOnly ? [] : agent.filter((held) => !named.includes(held))
      const fromFiles: Identity[] = []
      for (const file of files) {
        if (agent.some((held) => same(held.publicKey, file.publicKey))) continue
        if (file.secret === null) unusable.push(`${file.path}: a public key whose private half no agent holds`)
        else fromFiles.push(fileIdentity(file, decrypted, ask))
      }
      return { offered: [...named, ...others, ...fromFiles], unusable }
    },
  }
}

async function agentIdentities(socket: string | null, unusable: string[]): Promise<Identity[]> {
  if (socket === null) return []
  const { OpenSSHAgent } = await ssh2()
  const agent = new OpenSSHAgent(socket)
  const keys = await new Promise<ParsedKey[]>((resolve) => {
    agent.getIdentities((error, found) => {
      if (error) unusable.push(`agent at ${socket}: ${error.message}`)
      resolve((found ?? []).filter(isParsedKey))
    })
  })
  return keys.map((publicKey) => ({
    publicKey,
    label: `agent key ${publicKey.comment || publicKey.type}`,
    sign: (data, options) =>
      new Promise((resolve, reject) => {
        agent.sign(publicKey, data, options, (error, signature) => {
          if (signature) resolve(signature)
          else reject(new KeyUnusable(`agent key ${publicKey.comment}: ${error?.message ?? 'no signature'}`))
        })
      }),
  }))
}

function isParsedKey(key: object | string): key is ParsedKey {
  return typeof key === 'object' && 'getPublicSSH' in key
}

interface KeyFile {
  path: string
  publicKey: ParsedKey
  /** The file's text; null when it holds the public half only. */
  secret: { text: string; encrypted: boolean } | null
}

type ReadKey = { kind: 'key'; key: KeyFile } | { kind: 'absent' } | { kind: 'unreadable'; why: string }

async function readKeyFile(path: string): Promise<ReadKey> {
  let text: string | null
  let beside: ParsedKey | null
  try {
    text = await textOf(path)
    beside = parsed(await parseKey((await textOf(`${path}.pub`)) ?? ''))
  } catch (error) {
    return { kind: 'unreadable', why: errorText(error) }
  }
  if (text === null)
    return beside ? { kind: 'key', key: { path, publicKey: beside, secret: null } } : { kind: 'absent' }
  const read = await parseKey(text)
  const key = parsed(read)
  if (key)
    return {
      kind: 'key',
      key: { path, publicKey: key, secret: key.isPrivateKey() ? { text, encrypted: false } : null },
    }
  const why = read instanceof Error ? read.message : 'no key'
  if (!/encrypted/i.test(why)) return { kind: 'unreadable', why }
  const publicKey = beside ?? parsed(await parseKey(publicHalf(text) ?? ''))
  return publicKey
    ? { kind: 'key', key: { path, publicKey, secret: { text, encrypted: true } } }
    : {
        kind: 'unreadable',
        why: `encrypted, without its public half: make it with \`ssh-keygen -y -f ${path} > ${path}.pub\``,
      }
}

function fileIdentity(
  file: KeyFile,
  decrypted: Map<string, Promise<ParsedKey>>,
  ask: AskPassphrase | undefined,
): Identity {
  const open = (): Promise<ParsedKey> => {
    let opening = decrypted.get(file.path)
    if (!opening) {
      opening = decrypt(file, ask)
      decrypted.set(file.path, opening)
    }
    return opening
  }
  return {
    publicKey: file.publicKey,
    label: file.path,
    async sign(data, options) {
      const signature: unknown = (await open()).sign(data, options.hash)
      if (!Buffer.isBuffer(signature)) throw new KeyUnusable(`${file.path}: ${String(signature)}`)
      return signature
    },
  }
}

/** As ssh: three tries at the passphrase (NumberOfPasswordPrompts). */
async function decrypt(file: KeyFile, ask: AskPassphrase | undefined): Promise<ParsedKey> {
  const text = file.secret?.text ?? ''
  if (!file.secret?.encrypted) {
    const key = parsed(await parseKey(text))
    if (key) return key
    throw new KeyUnusable(`${file.path}: no longer a key`)
  }
  if (!ask) throw new KeyUnusable(`${file.path}: encrypted, and there is no terminal to ask for its passphrase`)
  for (let tries = 0; tries < 3; tries += 1) {
    const passphrase = await ask(`Passphrase of ${file.path}: `)
    const key = parsed(await parseKey(text, passphrase.reveal()))
    if (key) return key
  }
  throw new KeyUnusable(`${file.path}: wrong passphrase`)
}

/** The public half of an encrypted OpenSSH key stands in clear in the file (PROTOCOL.key). */
function publicHalf(text: string): Buffer | null {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]+?)-----END/.exec(text)?.[1]
  if (body === undefined) return null
  const data = Buffer.from(body, 'base64')
  const magic = Buffer.from('openssh-key-v1\0')
  if (!data.subarray(0, magic.length).equals(magic)) return null
  let at = magic.length
  const string = (): Buffer => {
    const length = data.readUInt32BE(at)
    at += 4 + length
    return data.subarray(at - length, at)
  }
  try {
    string() // cipher
    string() // kdf
    string() // its options
    at += 4 // number of keys: always one
    return string()
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw error
  }
}

function parsed(key: ParsedKey | ParsedKey[] | Error): ParsedKey | null {
  if (key instanceof Error) return null
  return Array.isArray(key) ? (key[0] ?? null) : key
}

async function parseKey(data: string | Buffer, passphrase?: string): Promise<ParsedKey | ParsedKey[] | Error> {
  return (await ssh2()).utils.parseKey(data, passphrase)
}

/** ssh2 costs 60 ms to load: only a run that meets a host pays them. */
async function ssh2() {
  return (await import('ssh2')).default
}
