import { expect, test } from 'vitest'
import { interpreterOf } from '../../../src/artifacts/interpreter.ts'

test('the interpreter is what the kernel, or env, would run', () => {
  expect(interpreterOf('#!/usr/bin/env python3\nimport os\n')).toBe('python3')
  expect(interpreterOf('#! /usr/bin/env -S LANG=C node --enable-source-maps\n')).toBe('node')
  expect(interpreterOf('#!/usr/bin/python3.11 -u\n')).toBe('python3.11')
  expect(interpreterOf('#!/bin/sh\r\n')).toBe('sh')
})

test('what is no script has none', () => {
  for (const beginning of ['', '\u007fELF', ' #!/bin/sh', '#!', '#!\n/bin/sh', '#!/usr/bin/env\n'])
    expect(interpreterOf(beginning), beginning).toBeNull()
})
