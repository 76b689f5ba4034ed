#!/usr/bin/env node
// The installed command. Everything else is imported only after the look at Node: an old one fails on an import that it
// does not have, with a stack trace instead of a reason.
import { refusalOf } from './node-version.ts'

const refusal = refusalOf(process.versions.node)
if (refusal === null) await import('./cli.ts')
else {
  process.stderr.write(`${refusal}\n`)
  process.exitCode = 2
}
