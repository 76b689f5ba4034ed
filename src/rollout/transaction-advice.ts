import path from 'node:path'
import { isLoggingFile } from '../desired/logging.ts'
import { shellWord } from '../templates/quote.ts'

// What a host's own words lead to, where its code alone does not say what to do next.

/** What is not permitted to root: a file that is immutable or append-only may not be replaced, nor one in such a folder (chattr(1)). */
export function immutableAdvice(host: string, text: string): string | null {
  const said = /^.*\b(?:mv|rm|rmdir|mkdir): cannot .*: Operation not permitted$/m.exec(text)?.[0]
  if (said === undefined) return null
  const file = [...said.matchAll(/'(\/[^']*)'/g)].at(-1)?.[1]
  const asked = file === undefined ? 'FILE FOLDER' : `${shellWord(file)} ${shellWord(path.posix.dirname(file))}`
  return (
    `root may not change it, so it, or the folder that it lies in, is immutable or append-only: see which (streamside ssh ${host} sudo lsattr -d ${asked}: ` +
    'i or a), and who wanted that; take it away (sudo chattr -i FILE, or -a), then run provision again'
  )
}

/** Where to look for room: in the file system that lacks it, where the host has named that (apply/lay.sh). */
export function diskFullAdvice(host: string, text: string): string {
  const place = /\bKiB in (\/\S*) and\b/.exec(text)?.[1] ?? '/'
  return `free space there (streamside ssh ${host} sudo du -xhd2 ${place} | sort -h), then run provision again: it goes on from what is in place`
}

/** The user's own files in /etc/rsyslog.d come from no inventory: each that rsyslogd complains of, and whose it is to mend. */
export function snippetAdvice(host: string, text: string): string | null {
  // what rsyslogd names itself may be the file in which it noticed; templates/host/rsyslog.sh found out
  const blamed = /^without (\/etc\/rsyslog\.d\/.+?) the configuration is valid/m.exec(text)?.[1]
  const named = blamed ? [blamed] : [...new Set(text.match(/\/etc\/rsyslog\.(?:d\/[^\s,':]+|conf\b)/g) ?? [])]
  // it says of its main file, too, that it could not be read, when what is wrong stands in another
  const causes = named.length > 1 ? named.filter((file) => file !== '/etc/rsyslog.conf') : named
  const files = causes.filter((file) => !isLoggingFile(file))
  if (files.length === 0) return null
  return (
    `nothing was put in place, the old files stand; ${files.join(' and ')} on ${host} ${files.length === 1 ? 'is' : 'are'} none of ` +
    `streamside's: mend that there until this says nothing more (streamside ssh ${host} sudo rsyslogd -N1), then run provision again`
  )
}

/**
 * What to do when a unit's log says that a script could not be started for want of its interpreter. The kernel's ENOENT is about
 * the file that `#!` names (execve(2)) although systemd names the script: that one is there, a release without the program of
 * its command is refused earlier. With `#!/usr/bin/env NAME` it is env that says so.
 */
export function missingInterpreter(log: string): string | null {
  const again = 'and run provision again'
  const byEnv = /\benv: [‘'"]?([^‘’'":\s]+)[’'"]?: No such file or directory/.exec(log)?.[1]
  if (byEnv !== undefined)
    return `${byEnv}, which the script asks for in its first line (#!), is not on the host: name its Debian package under packages: ${again}`
  const script = /Failed to execute (\S+): No such file or directory/.exec(log)?.[1]
  if (script === undefined) return null
  return `${script} is a script whose interpreter (its first line, #!) is not on the host, or a program for another libc: name the interpreter's Debian package under packages: ${again}`
}

/** Taken since the plan was made, or one that the inventory does not know of: what EADDRINUSE reads like (strerror(3)). */
export function portInUse(log: string, host: string, app: string): string | null {
  if (!/address (is )?already in use|EADDRINUSE/i.test(log)) return null
  return (
    `another process listens where ${app} wants to: see who (streamside ssh ${host} sudo ss -ltnp), end it or give ${app} ` +
    'another port in the inventory, then run provision again'
  )
}
