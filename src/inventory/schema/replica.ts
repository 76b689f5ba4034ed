import { z } from 'zod'
import { localPath, plainText, reference, secret } from './scalars.ts'

/** S3's own rules for bucket names, which every server accepts. */
const bucket = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'not a bucket name: 3 to 63 lower-case letters, digits, - and .')

const prefix = z
  .string()
  // The prefix is part of URLs that curl signs on the host: characters that need no encoding only.
  .regex(
    /^\/?[A-Za-z0-9._~-]+(\/[A-Za-z0-9._~-]+)*\/?$|^\/?$/,
    'not a prefix: words of letters, digits, . _ ~ - with / between',
  )
  .refine((value) => !value.split('/').some((part) => part === '.' || part === '..'), 'cannot hold . or .. as a part')
  .transform((value) => value.replace(/^\//, '').replace(/\/$/, ''))

const endpoint = plainText().transform((value, context) => {
  const url = URL.canParse(value) ? new URL(value) : null
  const wrong = !url
    ? 'not a URL; write the scheme too: https://nas.lan:9000'
    : url.protocol !== 'https:' && url.protocol !== 'http:'
      ? 'not a URL that begins with https:// or http://'
      : url.username !== '' || url.password !== ''
        ? 'the keys do not stand in the URL; they are access-key-id and secret-access-key'
        : url.pathname !== '/' || url.search !== '' || url.hash !== '' || /[?#\\]/.test(value)
          ? 'ends after the host and port; bucket and prefix have keys of their own'
          : null
  if (wrong !== null) context.addIssue({ code: 'custom', message: wrong })
  return url?.origin ?? ''
})

export const s3Replica = z
  .strictObject({
    type: z.literal('s3').describe('A bucket on a server that speaks S3.'),
    endpoint: endpoint
      .optional()
      .describe(
        'URL of the server with its scheme, as the hosts reach it, e.g. https://nas.lan:9000. Left out: AWS in the given region.',
      ),
    region: z
      .string()
      .regex(/^[A-Za-z0-9-]{1,40}$/, 'not a region: letters, digits and -')
      .optional()
      .describe('Region the requests are signed for. Default us-east-1, which most servers at home accept.'),
    bucket: bucket.describe('Name of the bucket. It must exist.'),
    prefix: prefix.optional().describe('Folder within the bucket under which each app has its own. Default none.'),
    ca: localPath()
      .optional()
      .describe('PEM file with the certificate authority of a server that has its own, relative to the inventory.'),
    'access-key-id': secret().describe('!secret NAME of the access key.'),
    'secret-access-key': secret().describe('!secret NAME of the key that belongs to it.'),
    ownership: reference()
      .optional()
      .describe(
        'For a server without conditional writes: the NAME of another replica that keeps the owner objects, or ' +
          'emulate (two operators within the same seconds are then not protected from each other).',
      ),
  })
  .describe('A bucket on a server that speaks S3.')

/** A folder of a host that file systems are mounted on. systemd splits a list of paths at blanks, and shells do much more. */
const mountPoint = z
  .string()
  .regex(
    /^(\/[A-Za-z0-9._-]+){2,}$/,
    'not a folder to mount on: an absolute path of letters, digits, . _ - and /, such as /mnt/nas',
  )
  .refine((value) => !value.split('/').some((part) => part === '.' || part === '..'), 'cannot hold . or .. as a part')
  .refine(
    (value) => !/^\/(bin|boot|dev|etc|lib|opt|proc|root|run|sbin|sys|tmp|usr|var)(\/|$)/.test(value),
    'belongs to the system; mount below /mnt, /srv or /media',
  )

const mount = plainText()
  .regex(
    /^(nfs:\/\/[A-Za-z0-9.:[\]-]+\/[\p{L}\p{N}._~/@+,&() -]+(?<! )|LABEL=[^ ](.*[^ ])?|(UUID|PARTUUID)=[A-Za-z0-9._-]+|\/dev\/[A-Za-z0-9._:/-]+)$/u,
    'not something to mount; write nfs://nas/volume1/sqlite, LABEL=backup, UUID=…, PARTUUID=… or /dev/…',
  )
  .refine((value) => !value.split('/').includes('..'), 'cannot hold .. as a part')

export const fileReplica = z
  .strictObject({
    type: z.literal('file').describe('A directory that something is mounted on: NFS, a USB disk.'),
    path: mountPoint.describe(
      'Where it is mounted on the hosts, e.g. /mnt/backup. A file there, .streamside-replica, tells it from the bare directory below; it is made at the first launch of an app.',
    ),
    prefix: prefix.optional().describe('Folder within it under which each app has its own. Default none.'),
    mount: mount
      .optional()
      .describe(
        'What is mounted there, and then streamside mounts it: nfs://nas/volume1/sqlite, LABEL=backup, UUID=… or /dev/…. Left out: you mount it yourself.',
      ),
  })
  .describe('A directory that something is mounted on.')

/** The value of `type`, by which the rest of a replica is read. */
export const replicaType = z.enum(['s3', 'file'])

/** For JSON Schema; the loader reads each type by its own schema. */
export const replica = z.union([s3Replica, fileReplica])
