import { parseArgs } from 'node:util'
import { runSchedule } from './schedule.ts'
import { runMany } from './many.ts'
import { openVerdicts } from './verdicts.ts'
import { ablations, renameAblations, type Ablation } from './ablations.ts'

// Usage: node test/model/run.ts [--seed N] [--schedules N] [--ablate RULE] [--faults A,B,…] [--trace]
// Random schedules from seed N on, judged by the product's own verdicts. Exit: 1 when one breaks an invariant; its seed
// replays it, step by step.
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    schedules: { type: 'string', default: '1000' },
    ablate: { type: 'string' },
    faults: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
})
const known = [...ablations, ...renameAblations]
const ablation = known.find((each) => each === values.ablate) ?? null
if (values.ablate !== undefined && ablation === null) throw new Error(`--ablate is one of ${known.join(', ')}`)

const faults = values.faults?.split(',')
const seed = Number(values.seed)
const verdicts = openVerdicts(2)
try {
  if (values.trace) await trace(seed, ablation)
  else await search(ablation)
} finally {
  verdicts.close()
}

async function search(ablation: Ablation | null): Promise<void> {
  const began = performance.now()
  const found = await runMany(verdicts, { seed, schedules: Number(values.schedules), ablation, faults })
  const seconds = (performance.now() - began) / 1000
  console.log(
    `${found.schedules} schedules in ${seconds.toFixed(1)} s (${(found.schedules / seconds).toFixed(0)} a second), ` +
      `${verdicts.asked} verdicts, ${found.starts} starts`,
  )
  for (const [key, count] of [...found.decided].sort(([a], [b]) => a.localeCompare(b)))
    console.log(`  ${String(count).padStart(8)}  ${key}`)
  if (!found.failed) return
  console.log(`seed ${found.failed.seed}: ${found.failed.violation}`)
  await trace(found.failed.seed, ablation)
  process.exitCode = 1
}

async function trace(which: number, ablation: Ablation | null): Promise<void> {
  const outcome = await runSchedule(which, verdicts, { ablation, faults, log: (line) => console.log(line) })
  console.log(outcome.violation === null ? 'no invariant is broken' : `broken: ${outcome.violation}`)
  const rule = (ablation ? ` --ablate ${ablation}` : '') + (faults ? ` --faults ${faults.join(',')}` : '')
  console.log(`again: node test/model/run.ts --seed ${which} --trace${rule}`)
}
