import { z } from 'zod'
import { localPath, notYet, plainText } from './scalars.ts'
import { command } from './words.ts'

const download = z.strictObject({
  url: plainText()
    .refine((value) => {
      const url = URL.canParse(value) ? new URL(value) : null
      return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === ''
    }, 'not a URL that begins with https:// or http:// (and holds no password)')
    .describe('Where the release is downloaded from, to your machine; hosts need no internet for it.'),
  sha256: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, 'not a SHA-256 checksum: 64 hexadecimal digits')
    .transform((value) => value.toLowerCase())
    .describe('Its SHA-256 checksum.'),
})

const onDisk = z.strictObject({ path: localPath().describe('A directory, an archive or a binary.') })

const pathText = localPath().superRefine((value, context) => {
  if (/^[a-z]+:\/\//i.test(value))
    context.addIssue({ code: 'custom', message: 'a download needs its checksum: { url: …, sha256: … }' })
})

const source = z.union([pathText, download, onDisk])

/** Said of `{}`; where a key is unknown, that says more. */
export const noArchitecture = 'names no architecture: amd64, arm64 or armhf'

const perArchitecture = z
  .strictObject({
    amd64: source.optional().describe('For 64-bit PCs.'),
    arm64: source.optional().describe('For 64-bit Raspberry Pi OS.'),
    armhf: source.optional().describe('For 32-bit Raspberry Pi OS.'),
  })
  .superRefine((value, context) => {
    // Aborting, or zod takes this branch for `{ url }` too: to it an unknown key alone is no reason to give a branch up.
    if (Object.values(value).every((each) => each === undefined))
      context.addIssue({ code: 'custom', message: noArchitecture, continue: false })
  })

export type SourceEntry = z.output<typeof source>

export const release = z
  .strictObject({
    from: z
      .union([pathText, download, onDisk, perArchitecture])
      .describe(
        'A directory, a .tar, .tar.gz, .tar.xz, .tar.zst, a .zip or one binary: a path relative to the inventory, or ' +
          '{ url, sha256 }. One for all hosts, or one each under amd64, arm64, armhf.',
      ),
    command: command().describe(
      'What starts the app: a string that is split into words (nothing is expanded, no shell), or a list that is taken ' +
        'as it is. ./name is a file of the release, /name an absolute path, name is looked up in PATH.',
    ),
    'working-directory': z
      .enum(['state', 'release'])
      .optional()
      .describe('Where the app is started: state (default) is /var/lib/<app>, release the folder of the release.'),
    keep: z.int().min(2).max(100).optional().describe('Releases kept on the host for rollback. Default 5.'),
    build: notYet(command(), 'Command that runs in the new release on the host before it is used.'),
    migrate: notYet(command(), 'Command that runs once before a new release starts.'),
  })
  .describe('A release of your own, kept under /opt/<app>/releases.')
