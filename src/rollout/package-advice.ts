import { clockAdvice } from '../host/advice.ts'

/** What to do next when packages could not be installed, by the code that templates/host/apply/packages.sh gives. */
export const packageAdvice: Record<string, (host: string) => string> = {
  'apt-locked': (host) =>
    `let it end, or end it (streamside ssh ${host}, then sudo kill or systemctl stop), and run provision again; nothing else was changed`,
  'no-package-source': (host) =>
    `write one there (streamside ssh ${host} sudo nano /etc/apt/sources.list), then run provision again; nothing else was changed`,
  'mirror-unreachable': (host) =>
    `see whether the host has a network and a name server (streamside ssh ${host} sudo apt-get update), then run provision again; nothing else was changed`,
  'package-unknown': () =>
    'correct the name under packages: in the inventory, or add the source that has it to the host, then run provision again; nothing else was changed',
  clock: clockAdvice,
  packages: (host) =>
    `mend what it says (streamside ssh ${host} sudo dpkg --configure -a tries it once more, sudo apt-get check what is missing), then run provision again; nothing else was changed`,
}
