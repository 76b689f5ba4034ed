import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

// The shells themselves complete the line; streamside is this checkout's.

const checkout = path.resolve(import.meta.dirname, '../../..')
let folder: string
let environment: NodeJS.ProcessEnv

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'streamside-completion-'))
  mkdirSync(path.join(folder, 'bin'))
  writeFileSync(
    path.join(folder, 'bin/streamside'),
    `#!/bin/sh\nexec '${process.execPath}' '${checkout}/src/bin.ts' "$@"\n`,
  )
  chmodSync(path.join(folder, 'bin/streamside'), 0o755)
  environment = { ...process.env, PATH: `${folder}/bin:${process.env['PATH']}`, HOME: folder, TERM: 'dumb' }
  writeFileSync(path.join(folder, 'app'), '#!/bin/sh\n')
  chmodSync(path.join(folder, 'app'), 0o755)
  writeFileSync(
    path.join(folder, 'inventory.yaml'),
    `version: 1
site: home
hosts: { pi-attic: { address: 192.168.1.2, tags: [shop] }, pi-cellar: { address: 192.168.1.3 } }
apps: { gotify: { host: pi-attic, release: { from: ./app, command: ./app } } }
`,
  )
  mkdirSync(path.join(folder, 'far'))
  writeFileSync(
    path.join(folder, 'far/site.yaml'),
    `version: 1
site: far
hosts: { far-one: { address: 192.168.7.2, tags: [far] }, far-two: { address: 192.168.7.3 } }
apps: { wiki: { host: far-one, release: { from: ../app, command: ./app } } }
`,
  )
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { stdout, status } = run('streamside', ['completion', shell])
    expect(status).toBe(0)
    writeFileSync(path.join(folder, `completion.${shell}`), stdout)
  }
})
afterAll(() => rmSync(folder, { recursive: true }))

const run = (program: string, args: string[]) =>
  spawnSync(program, args, { cwd: folder, env: environment, encoding: 'utf8', timeout: 30_000 })

/** What each shell offers for a line that is typed so far. */
const offers: Record<string, (line: string, awaited: string) => string[]> = {
  bash(line) {
    const script = `. ./completion.bash; COMP_WORDS=(${line.replace(/ $/, " ''")}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _streamside; printf '%s\\n' "\${COMPREPLY[@]}"`
    return run('bash', ['-c', script]).stdout.split('\n').filter(Boolean)
  },
  fish(line) {
    const { stdout } = run('fish', ['-c', 'source ./completion.fish; complete -C $argv[1]', line])
    return stdout.split('\n').flatMap((each) => each.split('\t')[0] || [])
  },
  zsh(line, awaited) {
    // in a terminal of its own, as somebody types it: what is typed before the answer is there ends the question
    const script = `zmodload zsh/zpty; zpty shell zsh -f -i
      zpty -w shell "PS1=; autoload -U compinit; compinit -D -u; . ./completion.zsh; zstyle ':completion:*' list-prompt ''; LISTMAX=1000; setopt no_beep; unsetopt zle; setopt zle; echo rea''dy"
      while zpty -r shell out; do case $out in *ready*) break ;; esac; done
      zpty -w -n shell $'${line}\\t\\t\\t'; all=
      for ((n = 0; n < 200; n++)); do
        while zpty -rt shell out; do all+=$out; done
        case $all in *'${awaited}'*) break ;; esac
        sleep 0.1
      done
      print -r -- "$all"; zpty -d shell`
    // oxlint-disable-next-line no-control-regex
    const plain = run('zsh', ['-f', '-c', script]).stdout.replaceAll(/\x1b\[[0-9;?]*[a-zA-Z]/g, ' ')
    return plain.split(/\s+/)
  },
}

describe.each(Object.keys(offers))('%s', (shell) => {
  const offered = (line: string, awaited: string) => offers[shell]!(line, awaited)

  test('completes commands, and offers none that is not built', () => {
    expect(offered('streamside pro', 'provision').join(' ')).toContain('provision')
    const all = offered('streamside ', 'status')
    expect(all).toEqual(expect.arrayContaining(['plan', 'status', 'check']))
    expect(all).not.toContain('drill')
  })

  test('completes options of the command', () => {
    expect(offered('streamside provision --pru', '--prune').join(' ')).toContain('--prune')
    expect(offered('streamside check --', '--json').join(' ')).not.toContain('--prune')
  })

  test('completes the words that an option or an argument may be', () => {
    expect(offered('streamside provision --restarts ', 'rolling').join(' ')).toMatch(/none.*rolling|rolling.*none/)
    expect(offered('streamside completion ', 'zsh')).toEqual(expect.arrayContaining(['bash', 'zsh', 'fish']))
  })

  test('completes hosts, apps and tags of the inventory in this folder', () => {
    expect(offered('streamside plan --limit ', '@shop')).toEqual(
      expect.arrayContaining(['pi-attic', 'pi-cellar', 'gotify', '@shop']),
    )
    expect(offered('streamside logs got', 'gotify').join(' ')).toContain('gotify')
    expect(offered('streamside ssh pi-c', 'pi-cellar').join(' ')).toContain('pi-cellar')
    expect(offered('streamside logs gotify --f', '--follow').join(' ')).toContain('--follow')
  })

  test('completes the apps that a restore may be of, wherever its host stands, and the hosts of what is done to one', () => {
    expect(offered('streamside restore --app ', 'gotify').join(' ')).toMatch(/gotify/)
    expect(offered('streamside restore pi-attic --app ', 'gotify')).not.toContain('pi-cellar')
    expect(offered('streamside restore --app gotify pi-c', 'pi-cellar').join(' ')).toContain('pi-cellar')
    expect(offered('streamside card --to card pi-c', 'pi-cellar').join(' ')).toContain('pi-cellar')
    for (const command of ['ssh', 'card', 'restore']) {
      expect(offered(`streamside ${command} `, 'pi-cellar')).toEqual(expect.arrayContaining(['pi-attic', 'pi-cellar']))
      expect(offered(`streamside ${command} `, 'pi-cellar')).not.toContain('gotify')
    }
  })

  test('completes names of the inventory that the line names, wherever it stands', () => {
    const names = ['far-one', 'far-two', 'wiki', '@far']
    expect(offered('streamside --inventory far/site.yaml status --limit ', '@far')).toEqual(
      expect.arrayContaining(names),
    )
    expect(offered('streamside plan -i far/site.yaml --limit ', '@far')).toEqual(expect.arrayContaining(names))
    expect(offered('streamside ssh -i far/site.yaml far-o', 'far-one').join(' ')).toContain('far-one')
    expect(offered('streamside logs --inventory far/site.yaml ', 'wiki').join(' ')).toContain('wiki')
    expect(offered('streamside logs --inventory far/site.yaml ', 'wiki')).not.toContain('gotify')
    expect(offered('streamside -i far/site.yaml stat', 'status').join(' ')).toContain('status')
    expect(offered('streamside --inv', '--inventory').join(' ')).toContain('--inventory')
  })
})

test('the commands themselves take it in both places, and the one behind the command counts', () => {
  const sound = 'inventory is sound: 2 hosts, 1 app, 0 replicas\n'
  expect(run('streamside', ['-i', 'far/site.yaml', 'check'])).toMatchObject({ status: 0, stdout: sound })
  expect(run('streamside', ['--inventory', 'x', 'check', '-i', 'far/site.yaml'])).toMatchObject({
    status: 0,
    stdout: sound,
  })
  expect(run('streamside', ['--inventory', 'x', 'check'])).toMatchObject({ status: 2, stdout: '' })
})

test('bash makes three words of --inventory=PATH and --limit=NAME, and leaves quotes in the words', () => {
  const three = (line: string) => line.replaceAll('=', ' = ')
  const bash = (line: string) => offers['bash']!(three(line), '')
  expect(bash('streamside --inventory=far/site.yaml status --limit=far-t')).toEqual(['far-two'])
  expect(bash('streamside logs --inventory=far/site.yaml w')).toEqual(['wiki'])
  expect(bash('streamside logs -n 5 --inventory=far/site.yaml w')).toEqual(['wiki'])
  expect(bash('streamside logs -n 5 wiki w')).toEqual([])
  expect(bash('streamside completion zsh b')).toEqual([])
  const script = `. ./completion.bash; COMP_WORDS=(streamside ssh -i '"far away/site.yaml"' ''); COMP_CWORD=4; _streamside; echo "\${COMPREPLY[@]}"`
  mkdirSync(path.join(folder, 'far away'))
  cpSync(path.join(folder, 'far/site.yaml'), path.join(folder, 'far away/site.yaml'))
  expect(run('bash', ['-c', script]).stdout).toContain('far-one far-two')
})

describe('complete-names', () => {
  const names = (words: string[], kind = 'all') => run('streamside', ['complete-names', kind, '--', ...words]).stdout
  test.each([
    [['status', '-ifar/site.yaml']],
    [['status', '-i', './inventory.yaml', '-i', 'far/site.yaml']],
    [['-i', '~/far/site.yaml', 'ssh']],
    [['-i', String.raw`far\/site.yaml`, 'ssh']],
    [['ssh', '-i', 'far/site.yaml', '--', '-i', 'x']],
  ])('finds the inventory in %j', (words) => {
    expect(names(words, 'host')).toBe('far-one\nfar-two\n')
  })

  test('gives the names of an inventory with mistakes as far as it can be read, and says nothing of them', () => {
    const well = 'hosts: { pi-broken: { address: 1, tags: [attic] } }\napps:\n  one: { hots: pi-broken }\n'
    writeFileSync(path.join(folder, 'broken.yaml'), `${well}  two:\n    host: "pi\n`)
    const { stdout, stderr, status } = run('streamside', ['complete-names', 'all', '--', '-i', 'broken.yaml'])
    expect([stdout.split('\n').filter(Boolean), stderr, status]).toEqual([['pi-broken', 'one', '@attic'], '', 0])
    expect(names(['-i', 'not-there.yaml'])).toBe('')
    expect(names(['-i'])).toBe(names([]))
  })
})

test('without an inventory nothing is offered, and nothing said', () => {
  const { stdout, stderr, status } = spawnSync('streamside', ['complete-names'], {
    cwd: path.join(folder, 'bin'),
    env: environment,
    encoding: 'utf8',
  })
  expect([stdout, stderr, status]).toEqual(['', '', 0])
})
