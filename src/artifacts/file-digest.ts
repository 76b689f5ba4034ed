import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { elfHeaderBytes, elfMachine } from './elf.ts'

export interface FileDigest {
  sha256: string
  size: number
  /** ELF's e_machine; null = not an ELF file. */
  machine: number | null
  /** First bytes are `#!`. */
  script: boolean
}

/** Collects what a release wants to know of a file while its bytes pass by. */
export function fileDigest(): { update(chunk: Uint8Array): void; result(): FileDigest } {
  const hash = createHash('sha256')
  let head = Buffer.alloc(0)
  let size = 0
  return {
    update(chunk) {
      hash.update(chunk)
      size += chunk.length
      if (head.length < elfHeaderBytes) head = Buffer.concat([head, chunk.subarray(0, elfHeaderBytes - head.length)])
    },
    result: () => ({
      sha256: hash.digest('hex'),
      size,
      machine: elfMachine(head),
      script: head.length > 1 && head[0] === 0x23 && head[1] === 0x21,
    }),
  }
}

export async function digestOfFile(path: string): Promise<FileDigest> {
  const digest = fileDigest()
  for await (const chunk of createReadStream(path)) digest.update(chunk)
  return digest.result()
}
