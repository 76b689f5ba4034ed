import type { Architecture } from '../inventory/model.ts'

/** How much of a file `elfMachine` needs. */
export const elfHeaderBytes = 20

/** e_machine of the architectures that people mix up; values from the ELF specification. */
const machines: Record<number, string> = {
  3: '32-bit x86',
  8: 'MIPS',
  20: 'PowerPC',
  21: '64-bit PowerPC',
  40: '32-bit ARM',
  62: 'x86-64 (amd64)',
  183: 'AArch64 (arm64)',
  243: 'RISC-V',
}

/** What an ELF file was built for (its e_machine), or null when the bytes are not the beginning of an ELF file. */
export function elfMachine(head: Buffer): number | null {
  if (head.length < elfHeaderBytes || head.readUInt32BE(0) !== 0x7f454c46) return null
  // Byte 5: 1 = little-endian, 2 = big-endian.
  return head[5] === 2 ? head.readUInt16BE(18) : head.readUInt16LE(18)
}

export function machineName(machine: number): string {
  return machines[machine] ?? `ELF machine ${machine}`
}

/**
 * Whether a host's units can run it: exactly the architecture's own kind. A 64-bit kernel would run the 32-bit kind too, but
 * the units' `SystemCallArchitectures=native` kills it with SIGSYS at its first call (tried on Debian 12). ARMv6 and ARMv7
 * cannot be told apart here: both are `32-bit ARM`.
 */
export function isFor(machine: number, architecture: Architecture): boolean {
  return machine === { amd64: 62, arm64: 183, armhf: 40 }[architecture]
}
