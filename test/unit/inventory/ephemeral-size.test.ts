import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { runCheck } from '../../../src/commands/check.ts'
import { formatOwner } from '../../../src/replica/owner.ts'
import { folderWith, inventoryWith, keys, notes } from './workspace.ts'

const mebibyte = 2 ** 20
const data = 'home/notes/e0001-1a2b3c4d/main'

const owner = formatOwner({
  v: 1,
  epoch: 1,
  path: 'e0001-1a2b3c4d',
  write: '6f1b1f0e-9a4f-4c69-8f0e-0d0b6d8f4a11',
  holder: null,
  from: null,
  uid: 700,
  gid: 700,
  dbs: { main: { init: true } },
  past: [],
})

/** The header of an LTX file of a database with pages of 4096 bytes; superfly/ltx, Header.MarshalBinary. */
function ltxHeader(bytes: number): Buffer {
  const header = Buffer.alloc(100)
  header.write('LTX1', 'latin1')
  header.writeUInt32BE(4096, 8)
  header.writeUInt32BE(bytes / 4096, 12)
  return header
}

/** A server that speaks as much S3 as is asked of it: GET of an object or a part of it, and a listing. Answers its URL. */
async function bucketWith(objects: Record<string, string | Buffer>): Promise<string> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://bucket')
    if (url.searchParams.has('list-type')) {
      const prefix = url.searchParams.get('prefix') ?? ''
      const found = Object.keys(objects).filter((key) => key.startsWith(prefix))
      const contents = found.map((key) => `<Contents><Key>${key}</Key></Contents>`).join('')
      response.end(`<ListBucketResult><Name>homeserver</Name>${contents}</ListBucketResult>`)
      return
    }
    const body = objects[url.pathname.replace('/homeserver/', '')]
    if (body === undefined) {
      response.statusCode = 404
      response.end('<Error><Code>NoSuchKey</Code><Message>no</Message></Error>')
      return
    }
    const range = /bytes=0-(\d+)/.exec(request.headers.range ?? '')
    const part = range ? Buffer.from(body).subarray(0, Number(range[1]) + 1) : body
    response.writeHead(range ? 206 : 200, { etag: '"1"', 'content-length': part.length })
    response.end(part)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function check(endpoint: string, size: string): Promise<{ exit: number; stdout: string; stderr: string }> {
  const text = inventoryWith(`${notes}    storage: { ephemeral: ${size} }\n`).replace('https://nas.lan:9000', endpoint)
  const cwd = await folderWith({ 'inventory.yaml': text, 'dist/serve': '' })
  let [stdout, stderr] = ['', '']
  const exit = await runCheck({
    cwd,
    env: { ...keys, STREAMSIDE_CACHE: join(cwd, '.cache') },
    stdout: { write: (piece: unknown) => ((stdout += String(piece)), true) },
    stderr: { write: (piece: unknown) => ((stderr += String(piece)), true) },
  })
  return { exit, stdout, stderr: stderr.replaceAll(/\s+/g, ' ').trim() }
}

const replica = {
  'home/notes/owner.json': owner,
  [`${data}/0009/0000000000000001-0000000000000007.ltx`]: Buffer.concat([ltxHeader(8 * mebibyte), Buffer.alloc(5000)]),
  [`${data}/0001/0000000000000008-0000000000000009.ltx`]: Buffer.concat([ltxHeader(24 * mebibyte), Buffer.alloc(5000)]),
}

test('check warns when ephemeral storage is below three times what the replica holds now', async () => {
  const { exit, stdout, stderr } = await check(await bucketWith(replica), '71M')
  expect([exit, stdout]).toEqual([0, 'inventory is sound: 2 hosts, 1 app, 1 replica (1 warning)\n'])
  expect(stderr).toContain(
    'inventory.yaml:16:27: apps.notes.storage.ephemeral: warning: less than three times the 24M that its databases have',
  )
})

test('and does not when it is three times that, or when nothing is replicated yet', async () => {
  const sound = 'inventory is sound: 2 hosts, 1 app, 1 replica\n'
  expect(await check(await bucketWith(replica), '72M')).toEqual({ exit: 0, stdout: sound, stderr: '' })
  expect(await check(await bucketWith({}), '16M')).toEqual({ exit: 0, stdout: sound, stderr: '' })
})

test('and says so when it could not look, which is no mistake', async () => {
  const { exit, stdout, stderr } = await check('http://127.0.0.1:1', '16M')
  expect([exit, stdout]).toEqual([0, 'inventory is sound: 2 hosts, 1 app, 1 replica\n'])
  expect(stderr).toContain(
    'storage.ephemeral: note: whether this is three times the database could not be seen: connect',
  )
})
