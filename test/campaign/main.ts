import path from 'node:path'
import { parseArgs } from 'node:util'
import { down } from '../lab/index.ts'
import { cacheFolder } from '../lab/paths.ts'
import { campaign, type CampaignOptions } from './campaign.ts'
import { faults } from './cases.ts'
import { jobs } from './jobs.ts'
import { strangersIn } from './stage.ts'

const defaultLab = 'campaign'

const usage = `Disturbs runs of streamside at every boundary between two of their steps, on real hosts of the lab, and looks at
what becomes of them. Needs root.

Usage: npm run campaign -- [OPTIONS]
  --seed N          what decides on the order of the cases (default: one from the clock, which is printed)
  --minutes N       end after that long; rehearsals count
  --cases N         end after so many cases
  --job NAME        only this job; may be given several times
  --at BOUNDARY     only this boundary      --fault FAULT   only this fault
  --resume          leave out what has gone well in an earlier campaign of this seed
  --state FOLDER    where its progress and what is kept of failed cases go (default: ${defaultState()})
  --keep            leave the lab up at the end
Without --minutes and --cases: all cases, which takes hours.
It has a lab of its own, \`${defaultLab}\`, or the one that STREAMSIDE_LAB names: taken down at the beginning and at the end, with all that
lies in .lab/NAME. One that has hosts which no campaign has made is left alone.
Jobs:
${jobs.map(({ name, says }) => `  ${name.padEnd(18)}${says}`).join('\n')}
Faults: ${faults.join(', ')}
Example: npm run campaign -- --seed 7 --minutes 30 --job provision-fresh --resume
Exit: 0 nothing was violated, 1 something was, or no case was tried, 2 usage, or a lab that is not its own.
`

/** Another than the lab's own default: that one is somebody's. */
const labName = process.env['STREAMSIDE_LAB'] ?? defaultLab

function defaultState(): string {
  return path.join(cacheFolder(), 'campaign')
}

class Usage extends Error {}

function atLeast(least: number, name: string, text: string | undefined): number | null {
  if (text === undefined) return null
  const value = Number(text)
  if (!Number.isFinite(value) || value < least) throw new Usage(`--${name} ${text}: a number from ${least} on`)
  return value
}

function oneOf<T extends string>(name: string, known: readonly T[], text: string): T {
  const found = known.find((each) => each === text)
  if (found === undefined) throw new Usage(`--${name} ${text}: there is ${known.join(', ')}`)
  return found
}

function read(argv: string[]): (Omit<CampaignOptions, 'stopping'> & { keep: boolean }) | null {
  const { values } = parseArgs({
    args: argv,
    options: {
      seed: { type: 'string' },
      minutes: { type: 'string' },
      cases: { type: 'string' },
      job: { type: 'string', multiple: true },
      at: { type: 'string' },
      fault: { type: 'string' },
      resume: { type: 'boolean', default: false },
      state: { type: 'string', default: defaultState() },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  const names = jobs.map(({ name }) => name)
  const wanted = new Set((values.job ?? names).map((name) => oneOf('job', names, name)))
  if (values.resume && values.seed === undefined) throw new Usage('--resume goes on with a seed: --seed N')
  return {
    seed: atLeast(0, 'seed', values.seed) ?? Date.now() % 1_000_000,
    jobs: jobs.filter(({ name }) => wanted.has(name)),
    minutes: atLeast(0.5, 'minutes', values.minutes),
    cases: atLeast(1, 'cases', values.cases),
    least: 0,
    at: values.at ?? null,
    fault: values.fault === undefined ? null : oneOf('fault', faults, values.fault),
    resume: values.resume,
    state: path.resolve(values.state),
    instance: labName,
    keep: values.keep,
  }
}

/** The first Ctrl-C ends after the case that is under way, the second at once. */
function untilInterrupted(): AbortSignal {
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      console.error('ending after this case; once more to end at once (the lab stays up then: scripts/lab down)')
      stopping.abort()
    })
  return stopping.signal
}

async function main(): Promise<number> {
  let options: ReturnType<typeof read>
  try {
    options = read(process.argv.slice(2))
  } catch (error) {
    if (!(error instanceof Usage) && !(error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS')) throw error
    console.error(`campaign: ${(error as Error).message}\n\n${usage}`)
    return 2
  }
  if (options === null) {
    console.log(usage)
    return 0
  }
  const { keep, instance, seed } = options
  console.log(`seed ${seed}, lab ${instance}, progress in ${options.state}`)
  const strangers = await strangersIn(instance)
  if (strangers.length > 0) {
    console.error(
      `campaign: the lab ${instance} has hosts that no campaign has made: ${strangers.join(', ')}; a campaign would take it down. ` +
        `Next: name another lab (STREAMSIDE_LAB=…, or none: ${defaultLab}), or STREAMSIDE_LAB=${instance} scripts/lab down.`,
    )
    return 2
  }
  await down({ instance })
  try {
    const result = await campaign({ ...options, stopping: untilInterrupted() }, (line) => console.log(line))
    const { tried, missed, violated } = result
    console.log(
      `seed ${seed}: ${tried} cases tried, ${missed} of them missed their boundary, ${violated.length} violated`,
    )
    return violated.length > 0 || tried === missed ? 1 : 0
  } finally {
    if (!keep) await down({ instance })
  }
}

process.exitCode = await main()
