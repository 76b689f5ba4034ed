import { hostname, userInfo } from 'node:os'

/** Who runs this, for whoever finds its transaction on a host: `name@machine (streamside COMMAND, pid N)`. */
export function operator(command: string): string {
  return `${userInfo().username}@${hostname()} (streamside ${command}, pid ${process.pid})`
}

/**
 * True when `who` was a process of this user on this machine that is there no more: its connection may still look alive from
 * the host (a laptop that was closed, a network that went), but nobody sits at the other end.
 */
export function hasEnded(who: string): boolean {
  const [, owner, pid] = /^(.*) \(streamside .*, pid (\d+)\)$/.exec(who) ?? []
  if (owner !== `${userInfo().username}@${hostname()}`) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}
