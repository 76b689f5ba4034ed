import { setTimeout as sleep } from 'node:timers/promises'
import { boot, cutPower, cutSessions, freezeS3, killIfThere, type LabHost, shellInHost, thawS3 } from '../lab/index.ts'
import type { Fault } from './cases.ts'
import { plugAgain, pull } from './disk.ts'
import type { Stage } from './stage.ts'

/** Whom a fault hits. */
export interface Target {
  stage: Stage
  /** The host that the boundary is on. */
  host: LabHost
  /** The orchestrator's process id. */
  pid: number
  /** That the S3 server is frozen, or the disk away. */
  seconds: number
}

/** Does it, and comes back when it is over: the power is on again, S3 answers, the disk is there, sshd takes connections. */
export async function strike(fault: Fault, { stage, host, pid, seconds }: Target): Promise<void> {
  switch (fault) {
    case 'cut-connection':
      await cutSessions(host)
      // away for a while, as a router that restarts
      await shellInHost(host, 'systemctl stop ssh; sleep 2; systemctl start ssh')
      return
    case 'kill-orchestrator':
      killIfThere(pid)
      return
    case 'power-cut':
      await cutPower(host)
      await boot(host)
      return
    case 'freeze-s3':
      await freezeS3(stage.lab.instance)
      await sleep(seconds * 1000)
      await thawS3(stage.lab.instance)
      return
    case 'pull-disk':
      await pull(host, stage.disk)
      await sleep(seconds * 1000)
      await plugAgain(host)
  }
}
