import { nearest } from '../../src/inventory/nearest.ts'

/** What scripts/lab can do: synopsis and meaning of each form of each command, in the order they are listed. */
const forms: Record<string, [synopsis: string, meaning: string][]> = {
  up: [
    [
      'up [HOST[=bookworm|=trixie]…]',
      'boots hosts (default: pi-attic, pi-cellar=trixie, pi-shop), S3 and the release server',
    ],
    [
      'up HOST=bookworm/arm64',
      'the same for an arm64 host: on amd64 it runs through qemu (its first base tree: minutes)',
    ],
  ],
  down: [['down', 'takes all of it down again, data included']],
  status: [['status', 'what is up, in all instances']],
  ssh: [['ssh HOST [COMMAND…]', 'a shell on a host, or one command']],
  wipe: [['wipe HOST [--new-hardware]', 'the card has died: an empty one is in, the host boots from it']],
  'power-cut': [['power-cut HOST [--off]', 'pulls the plug; boots again unless --off']],
  'power-off': [['power-off HOST', 'switches a host off in order']],
  reboot: [['reboot HOST', 'reboots a host in order']],
  boot: [['boot HOST', 'switches a host on']],
  s3: [
    ['s3 stop|start|freeze|thaw', 'the S3 server; its data stay'],
    [
      's3 faults [JSON]',
      `shows or replaces the fault proxy's faults: '[{"method":"PUT","do":{"kind":"status","status":503}}]'`,
    ],
    ['s3 log [clear]', 'requests seen by the proxy, one JSON a line'],
  ],
  env: [['env', 'shell exports: eval "$(scripts/lab env)"']],
}

export const s3Words = ['stop', 'start', 'freeze', 'thaw', 'faults', 'log']

const instances = 'STREAMSIDE_LAB names the instance (default: lab); several run side by side.'

/** What `scripts/lab --help` prints, or with a command's name what that one does. */
export function usage(command?: string): string {
  const lines = (of: [string, string][]) => of.map(([synopsis, meaning]) => `  ${synopsis.padEnd(32)} ${meaning}`)
  const own = command === undefined || !Object.hasOwn(forms, command) ? undefined : forms[command]
  if (own)
    return [
      `usage: scripts/lab ${own.length === 1 ? (own[0]?.[0] ?? '') : `${command} …`}`,
      '',
      ...lines(own),
      '',
      instances,
    ].join('\n')
  return [
    'usage: scripts/lab COMMAND        real Debian hosts and an S3 server on this machine; needs root',
    '',
    ...lines(Object.values(forms).flat()),
    '',
    instances,
  ].join('\n')
}

/** Whether a command's arguments ask what it does. What follows a host of `ssh` is the host's own business. */
export function asksForHelp(command: string, args: readonly string[]): boolean {
  const asked = new Set(['--help', '-h', 'help'])
  return (command === 'ssh' ? args.slice(0, 1) : args).some((each) => asked.has(each))
}

/** A command, or a word of `s3`, that does not exist: said with the nearest that does. */
export function unknownCommand(what: string): string {
  const s3 = /^s3 (.*)$/.exec(what)?.[1]
  const near = s3 === undefined ? nearest(what, Object.keys(forms)) : nearest(s3, s3Words)
  const meant = near === undefined ? '' : `; did you mean ${s3 === undefined ? near : `s3 ${near}`}?`
  return `lab: no such command: ${what === '' ? '(none)' : what}${meant}\n\n${usage(s3 === undefined ? undefined : 's3')}`
}
