import { type App, unitOf } from '../inventory/model.ts'
import type { Change, HostPlan } from '../plan/change.ts'
import type { Looked } from './look.ts'

/** An app that is stopped before its owner object is written anew, and why, for people. */
export interface Halt {
  app: App
  reason: string
  /** The stop is to prove that the replica holds everything. */
  proves: boolean
}

/** A transaction that only stops apps and their Litestreams. The record of what is laid stays what it is. */
export function haltsOf({ plan, observed }: Looked, halts: readonly Halt[]): HostPlan {
  const changes = halts.map(({ app, reason, proves }): Change => ({
    summary: { kind: 'app', name: app.name, action: 'stop', reason: proves ? `${reason}: stop, proof` : reason },
    step: { verb: 'halt', fields: [app.name, unitOf(app), ...(proves ? Object.values(app.databases) : [])] },
  }))
  return {
    ...plan,
    changes,
    attendant: [],
    started: [],
    owners: [],
    leaving: [],
    refused: [],
    warnings: [],
    manifest: observed.manifest ?? plan.manifest,
    meanwhile: null,
  }
}
