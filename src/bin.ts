#!/usr/bin/env node
// The installed command. Everything else is imported only after the look at Node: an old one fails on an import that it
// does not have, with a stack trace instead of a reason.
import module from 'node:module'
import { join } from 'node:path'
import { cacheDirectory } from './artifacts/cache.ts'
import { refusalOf } from './node-version.ts'

const refusal = refusalOf(process.versions.node)
if (refusal === null) {
  // Compiling what is imported is a third of a run with nothing to do. Without a cache that can be written it only takes longer.
  module.enableCompileCache(join(cacheDirectory(), 'node'))
  await import('./cli.ts')
} else {
  process.stderr.write(`${refusal}\n`)
  process.exitCode = 2
}
