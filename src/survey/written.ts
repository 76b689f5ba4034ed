import { Document, isScalar, Scalar, visit } from 'yaml'
import { harmless } from '../inventory/show.ts'
import { size } from '../report/size.ts'
import { type Proposal, type Proposals, looksSecret, shownCommand, withheld } from './propose.ts'
import type { SeenDatabase, SeenService } from './survey.ts'

/**
 * Proposals as the end of an inventory. All of it are comments, for each needs something that only a person has: `# ` before what
 * becomes the inventory when it is taken away, `## ` before what stays a comment. Whatever a host has called things, a line stays
 * one line, and the YAML library quotes what is to be read back.
 */
export function writtenProposals(found: Proposals, host: { name: string; shown: string }): string[] {
  const { proposals } = found
  return [
    ...remarks(
      `What was found running on ${host.shown}. Nothing there was changed, and nothing of it is managed by streamside yet.`,
      'Lines with one # are an inventory once the # and the blank after it are gone; lines with ## are remarks.',
      `${withheld} stands for what has to be filled in: values of environment variables, and what may be a secret in a command,`,
      'were not taken from the host.',
      ...(found.managed.length > 0 ? [`Of streamside already, and left out: ${found.managed.join(', ')}.`] : []),
      ...(found.others.length > 0
        ? [`Running, of packages, with no SQLite database found: ${found.others.join(', ')}.`]
        : []),
      ...found.users.flatMap((seen) => [
        `Under a user's own systemd (${seen.unit}), which streamside does not manage; make it a service of the system's first:`,
        ...seen.databases.map(databaseLine),
      ]),
    ),
    '#',
    ...(proposals.length === 0
      ? remarks('No service with an SQLite database, and no unit file of your own, was found running.')
      : []),
    ...(proposals.length === 0
      ? []
      : [
          '# apps:',
          ...proposals.flatMap((proposal) => [
            '#',
            ...(proposal.kind === 'release' ? releaseEntry(proposal, host.name) : serviceEntry(proposal, host.name)),
          ]),
        ]),
  ]
}

function releaseEntry(proposal: Proposal, host: string): string[] {
  const { app, seen, program, command, port } = proposal
  const entry = {
    host,
    release: { from: `./${app}`, command },
    ...(port === null ? {} : { port }),
    ...(proposal.environment.length === 0 ? {} : { environment: environmentOf(proposal) }),
    ...databaseKeys(proposal),
    ...(port === null ? {} : { health: { tcp: port, within: '30s' } }),
  }
  return [
    ...about(seen),
    ...remarks(
      program === null
        ? `  from: is a folder, an archive or a binary on your machine that holds its program.`
        : `  from: is a folder on your machine with what lies beside ${program} on the host.`,
      `  The app runs as a user ${app} in /var/lib/${app}, in a sandbox, and a relative path starts there.`,
      ...(seen.workingDirectory === '' || seen.workingDirectory === `/var/lib/${app}`
        ? []
        : [
            `  Now it starts in ${seen.workingDirectory}: look at what its command, its environment and its settings name by relative paths.`,
          ]),
      ...(app === `${seen.user}-app`
        ? [`  It has another name than its user ${seen.user}, whom streamside does not take for its own.`]
        : []),
      `  To leave unit, program and user as they are, and only put the gate before it:  service: { unit: ${shownWord(seen.unit)} }`,
      '  in place of release:, port: and environment:, and its databases by their whole paths.',
      ...(seen.commands.length > 1 ? ['  It has several ExecStart= lines; this is the first.'] : []),
      ...(seen.commands[0]?.some((word) => word.includes('$')) === true
        ? ['  systemd expands $NAME in its command; in an inventory a command is taken as it is.']
        : []),
      ...unnameable(proposal),
      ...proposal.moves.map(({ from, to, why }) => `  Its database has to go to ${to}: where it is, ${from}: ${why}.`),
      `  Before the first provision, on the host: systemctl disable --now ${shownWord(seen.unit)}, and move its unit file away.`,
      ...(proposal.moves.length > 0
        ? ['  Then copy its databases, each with its -wal, to where they have to go.']
        : []),
      ...(seen.databases.length > 0
        ? ['  A database that lies at its path then is taken as it is, and streamed from then on.']
        : []),
    ),
    ...commented({ [app]: entry }, '  '),
  ]
}

function serviceEntry(proposal: Proposal, host: string): string[] {
  const { app, seen } = proposal
  const named = new Set(Object.values(proposal.databases))
  const isToSwitch = seen.databases.some(({ text, wal }) => named.has(text) && !wal)
  const entry = {
    host,
    service: { package: seen.package, unit: seen.unit },
    ...databaseKeys(proposal),
    ...(isToSwitch ? { litestream: { wal: 'switch' } } : {}),
  }
  return [
    ...about(seen),
    ...remarks(
      '  The unit stays where it is: a drop-in puts the gate before it, and Litestream beside it. It is restarted once for that.',
      ...(isToSwitch
        ? [
            '  Litestream needs WAL mode: with  litestream: { wal: switch }  its databases are switched to it. Look first whether the',
            '  program has a setting for that, and set it there: one that sets another mode at each start cannot be replicated.',
          ]
        : []),
      ...unnameable(proposal),
    ),
    ...commented({ [app]: entry }, '  '),
  ]
}

function unnameable(proposal: Proposal): string[] {
  return proposal.unnameable.map(({ path, why }) => `  No inventory can name its database ${path}: ${why}.`)
}

function databaseKeys({ databases }: Proposal): object {
  const names = Object.keys(databases)
  if (names.length === 0) return {}
  return names.length === 1 && names[0] === 'main' ? { database: databases['main'] } : { databases }
}

/** PORT is the app's own by `port:`; what sounds like a secret becomes one. */
function environmentOf({ app, environment }: Proposal): Record<string, unknown> {
  const value = (name: string) => {
    if (!looksSecret(name)) return withheld
    const secret = new Scalar(`${app}-${name.toLowerCase().replaceAll('_', '-')}`.slice(0, 64).replace(/-+$/, ''))
    secret.tag = '!secret'
    return secret
  }
  return Object.fromEntries(environment.map((name) => [name, value(name)]))
}

function about(seen: SeenService): string[] {
  const where = seen.fragment === '' ? 'no unit file' : seen.fragment
  const listens = seen.listening.map(({ address, port }) => `${address}:${port}`)
  return remarks(
    `${seen.unit}: ${seen.description}`,
    `  ${where}, ${seen.package === null ? 'of no package' : `of the package ${seen.package}`}` +
      (seen.dropIns.length > 0 ? `; drop-ins: ${seen.dropIns.join(', ')}` : ''),
    `  runs as ${seen.user || 'root'}${seen.workingDirectory === '' ? '' : ` in ${seen.workingDirectory}`}: ` +
      seen.commands.map((words) => shownCommand(words).map(shownWord).join(' ')).join(' ; '),
    ...(listens.length > 0 ? [`  listens on ${listens.join(', ')}`] : []),
    ...(seen.databases.length === 0 ? ['  no SQLite database was found'] : seen.databases.map(databaseLine)),
    ...seen.elsewhere.map(({ text }) => `  a database that only the service sees, or that is deleted: ${text}`),
    ...(seen.cut ? ['  not all of its files were looked into: it has too many'] : []),
  )
}

function databaseLine(database: SeenDatabase): string {
  const { text, utf8, bytes, user, group, mode, wal, open } = database
  const mark = utf8 ? '' : ' (no UTF-8: an inventory cannot name it)'
  return `  database ${text}${mark}: ${size(bytes)}, ${wal ? 'WAL' : 'no WAL'}, ${user}:${group} ${mode}, ${open ? 'open' : 'not open just now'}`
}

/** As a shell would want it, so that blanks within a word are seen. */
function shownWord(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./$-]+$/.test(word) ? word : JSON.stringify(word)
}

/** Remarks stay comments when the # of an entry is taken away. */
function remarks(...lines: string[]): string[] {
  return lines.map((line) => `## ${harmless(line)}`)
}

/** Plain data as YAML in comments; texts are read back as the texts that they are. */
function commented(data: object, indent: string): string[] {
  const document = new Document(data)
  visit(document, {
    Scalar(_, node) {
      if (isScalar(node) && typeof node.value === 'string' && node.tag !== '!secret' && !/^[\w./-]+$/.test(node.value))
        node.type = 'QUOTE_DOUBLE'
    },
  })
  // Double-quoted, the library escapes what JSON does. The rest of what is no character of a line is escaped alike.
  const text = document
    .toString({ lineWidth: 0, doubleQuotedMinMultiLineLength: Infinity })
    .replaceAll(/(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, unicodeEscape)
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `# ${indent}${line}`)
}

function unicodeEscape(char: string): string {
  const point = char.codePointAt(0) ?? 0
  return point > 0xffff ? `\\U${point.toString(16).padStart(8, '0')}` : `\\u${point.toString(16).padStart(4, '0')}`
}
