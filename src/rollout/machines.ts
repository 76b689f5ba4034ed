import { Problem } from '../problem.ts'

/** The machines behind the names of a run, by their ids. */
export type Machines = (host: string, id: string) => void

/**
 * Two names of one machine would each have it their way: what one lays the other takes for an app that has left. The name that
 * answers first is the machine's for this run; under another one nothing is done.
 * @throws Problem `same-machine`
 */
export function createMachines(): Machines {
  const names = new Map<string, string>()
  return (host, id) => {
    const first = names.get(id) ?? host
    names.set(id, first)
    if (first === host) return
    throw new Problem({
      code: 'same-machine',
      doing: `looking at ${host}`,
      found: `${host} and ${first} are one machine: both have answered with the same machine-id, board and disk. Nothing was changed under the name ${host}`,
      next:
        `see the addresses of both in the inventory: when it is one machine, keep one of the names, with the apps of both. When they are two, ` +
        `one was copied from the other: give ${host} a machine-id of its own (rm /etc/machine-id; systemd-machine-id-setup; reboot)`,
      host,
    })
  }
}
