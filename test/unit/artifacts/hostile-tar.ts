import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { pack, type Header } from 'tar-stream'

export interface Member extends Partial<Omit<Header, 'name'>> {
  name: string
  content?: string | Buffer
}

/** A tar as nobody's tar program would make it: these members, in this order. */
export async function writeMembers(path: string, members: readonly Member[]): Promise<void> {
  const tar = pack()
  const writing = pipeline(tar, createWriteStream(path))
  for (const { content = '', ...header } of members) {
    const body = header.type === undefined || header.type === 'file' ? content : undefined
    await new Promise<void>((resolve, reject) => {
      const done = (error?: Error | null) => (error ? reject(error) : resolve())
      if (body === undefined) tar.entry(header, done)
      else tar.entry(header, body, done)
    })
  }
  tar.finalize()
  await writing
}
