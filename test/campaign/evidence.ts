import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type LabHost, shellInHost } from '../lab/index.ts'
import type { Mark } from './boundaries.ts'
import type { StageRun } from './stage.ts'

/** What a person needs to look into a case; kept in memory until it is known that somebody will want it. */
export interface Evidence {
  run(name: string, run: StageRun): void
  marks(marks: readonly Mark[]): void
  note(line: string): void
  host(host: LabHost): Promise<void>
  /** Writes all of it into a folder, in place of what an earlier try of the same case has left there. */
  write(folder: string, more: Record<string, string>): Promise<void>
}

const hostScript = `
for journal in /var/lib/streamside/transactions/*/journal; do echo "== $journal"; cat "$journal"; done 2>/dev/null
echo '== units'; systemctl list-units --all --no-pager 'camp-*' 'streamside-*'
echo '== journal'; journalctl --no-pager --lines=400 --output=short-precise
:`

export function createEvidence(): Evidence {
  const files = new Map<string, string>()
  const notes: string[] = []
  const named = (name: string) => {
    const times = [...files.keys()].filter((each) => each.replace(/(-\d+)?\.(ndjson|txt)$/, '') === name).length
    return times === 0 ? name : `${name}-${times + 1}`
  }
  return {
    run(name, run) {
      const file = named(name)
      files.set(`${file}.ndjson`, run.stdout)
      notes.push(`${file}: exit ${run.code}${run.stderr.trim() === '' ? '' : `; stderr:\n${run.stderr.trim()}`}`)
    },
    marks(marks) {
      for (const { id, host, at } of marks) notes.push(`${at.toFixed(1)} ${host ?? '-'} ${id}`)
    },
    note(line) {
      notes.push(line)
    },
    async host(host) {
      files.set(`${host.name}.txt`, await shellInHost(host, hostScript))
    },
    async write(folder, more) {
      await rm(folder, { recursive: true, force: true })
      await mkdir(folder, { recursive: true })
      files.set('notes.txt', `${notes.join('\n')}\n`)
      for (const [name, text] of [...files, ...Object.entries(more)]) await writeFile(path.join(folder, name), text)
    },
  }
}
