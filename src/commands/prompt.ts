import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { Secret } from '../inventory/secret.ts'

/** Asks a yes-or-no question on the terminal; anything but `y` or `yes` is no. */
export async function askYesNo(question: string): Promise<boolean> {
  const line = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await line.question(`${question} [y/N] `)).trim())
  } finally {
    line.close()
  }
}

/** Asks for a value on the terminal without echo. */
export async function askSecret(question: string): Promise<Secret> {
  process.stderr.write(question)
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const line = createInterface({ input: process.stdin, output: silent, terminal: true })
  try {
    return new Secret(question.trim(), await line.question(''))
  } finally {
    line.close()
    process.stderr.write('\n')
  }
}
