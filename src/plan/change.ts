import type { Problem } from '../problem.ts'
import type { ChangeSummary } from '../report/events.ts'

/** One change to a host: what people read, and the step that makes it. Both come from one comparison. */
export interface Change {
  summary: ChangeSummary
  step: Step
}

/** A step of `apply.sh`: a verb and its fields, and the content that goes with it. */
export interface Step {
  verb:
    | 'expect'
    | 'package'
    | 'user'
    | 'directory'
    | 'binary'
    | 'release'
    | 'file'
    | 'link'
    | 'remove'
    /** An app that leaves: stopped, proven, released; before all else. */
    | 'leave'
    /** An app whose databases get another place: stopped and proven with the configuration of before. */
    | 'halt'
    /** An app that was given another name: its user and its files get it, too. */
    | 'rename'
    /** Folders of an app that left, without data. */
    | 'purge'
    /** A unit that leaves: stopped, and no more enabled. */
    | 'retire'
    /** Somebody's file over one of ours: taken out of the way, and kept. */
    | 'set-aside'
    /** A database, its WAL and what else belongs to it become the app's own again. */
    | 'own'
    /** An app that `update` or `restart` takes down: proven while it runs, stopped, proven; put back when it does not get well. */
    | 'roll'
    /** A file or link that such an app runs from until now: kept, to be put back. */
    | 'keep'
    /** Told when a service's gate has switched a database to WAL mode. */
    | 'switched'
    | 'reload'
    /**
     * A unit's record of what it was started from, before that is replaced and after all checks: an interrupted run must not lose
     * its restart, and one that is refused must not cause any.
     */
    | 'forget'
    /** The same before trees are replaced, which no check comes after: it may run from one that somebody has changed. */
    | 'forget-first'
    | 'signature'
    | 'enable'
    /** A service that is given back was not enabled before it was adopted. */
    | 'disable'
    | 'start'
    | 'restart'
    /** A package's unit is restarted and looked at; when it does not come up, its old files are back and it runs from those. */
    | 'settle'
    | 'prune'
    | 'health'
    /** Waits until an app's data are on their way out; part of `health` for an app that is started. */
    | 'replicating'
    /** An app whose last start was not a good one is waited for again. */
    | 'recheck'
    /** Without a handler in apply.sh: they only make a transaction happen, which cleans up and records anyway. */
    | 'clean'
    | 'record'
  fields: string[]
  /** `sums`: lines for sha256sum --check, over what is in a release's tar. */
  member?: { content: string | Buffer } | { path: string; sums?: string }
}

/** What is to be done on one host, in the order in which it is shown. */
export interface HostPlan {
  host: string
  changes: Change[]
  /** Steps that go along with the changes but are none: expectations, signatures, health, pruning. */
  attendant: Step[]
  /** Apps that this plan starts or restarts, whose health is waited for. */
  started: string[]
  /** Apps whose owner object has to be made or brought up to date before they can start. */
  owners: string[]
  /** Apps that streamside has put there and the inventory has there no more, pruned or not. */
  leaving: string[]
  /** What stands in the way of it: nothing is begun then. What lies at and below such a place is not compared. */
  refused: Problem[]
  warnings: { code: string; app?: string; message: string; next?: string }[]
  manifest: string
  /** The manifest while apps get other names: put in place before the first of them is touched; null when there are none. */
  meanwhile: string | null
}
