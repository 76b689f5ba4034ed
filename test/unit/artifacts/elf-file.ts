/** The first bytes of an ELF program for a machine: 62 = amd64, 183 = arm64, 40 = 32-bit ARM. Little-endian. */
export function elfFile(machine: number, rest = 'program'): Buffer {
  const head = Buffer.alloc(64)
  head.write('\x7fELF', 0, 'latin1')
  head[4] = machine === 40 ? 1 : 2
  head[5] = 1
  head.writeUInt16LE(2, 16)
  head.writeUInt16LE(machine, 18)
  return Buffer.concat([head, Buffer.from(rest)])
}
