/** A rule that is taken away in a run, to see that the invariants need it. */
export const ablations = [
  'tip',
  'stale-position',
  'stale-wal',
  'unit-check',
  'proven-before-start',
  'if-match',
  'random-suffix',
  'hardware-in-id',
  'split-check',
  'past-end-alert',
  'only-copy-stays',
  'taken-while-adopted',
] as const

/** Those of renames: the model can take them away (run.ts), and not all of them have been seen to be missed by it. */
export const renameAblations = [
  'rename-after-release',
  'rename-of-these-files',
  'comes-back-by-record',
  'name-released-here',
  'name-not-in-use',
  'release-after-proof',
] as const
export type Ablation = (typeof ablations)[number] | (typeof renameAblations)[number]
