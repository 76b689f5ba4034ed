import type { Obstacle } from './seen.ts'

/** What keeps a replica in a directory from taking anything, in words. */
export function obstacleText({ kind, root }: Obstacle): string {
  switch (kind) {
    case 'full':
      return `there is no room left in ${root}`
    case 'read-only':
      return `${root} is mounted read-only`
    case 'denied':
      return `the app's user may not write to ${root}`
  }
}

/** What is wrong then, under the code that `plan` and `provision` have for it, and the way on. */
export function obstacleWrong(obstacle: Obstacle): { code: string; text: string; next: string } {
  const { kind, root } = obstacle
  const next = {
    full: `make room in ${root}; replication goes on by itself`,
    'read-only': `see why (an error of the file system is in  dmesg), then  mount -o remount,rw ${root}; replication goes on by itself`,
    denied: `let that user write below ${root} again; replication goes on by itself`,
  }
  return { code: `replica-${kind}`, text: obstacleText(obstacle), next: next[kind] }
}
