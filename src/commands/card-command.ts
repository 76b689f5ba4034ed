import { type Command, InvalidArgumentError, Option } from 'commander'
import { images } from '../card/image.ts'
import { durationSeconds } from '../inventory/schema/scalars.ts'
import { exitCodes, Problem } from '../problem.ts'
import type { CardOptions } from './card.ts'
import { inventoryHelp } from './inventory-commands.ts'
import type { Registering } from './looking.ts'

const seconds = (text: string): number => {
  const found = durationSeconds(text)
  if (found === null) throw new InvalidArgumentError('a length of time: 90s, 10m')
  return found
}

interface Given extends CardOptions {
  check: boolean
  wait: number
}

/** Registers `card HOST`. */
export function addCardCommand(program: Command, { done, stopping }: Omit<Registering, 'runCommand'>): void {
  program
    .command('card <host>')
    .description("write the first-boot files of a host's new SD card, with a host key that is known before it boots")
    .option('-i, --inventory <path>', inventoryHelp)
    .option('--to <folder>', 'the boot partition of the freshly flashed card, where it is mounted; or any folder')
    .addOption(
      new Option('--image <release>', 'the image on it, where that cannot be told by its files').choices([...images]),
    )
    .option('--check', 'write nothing: wait until the host answers, with the key of its card', false)
    .option('--wait <time>', 'with --check: for how long at most', seconds, 900)
    .addHelpText(
      'after',
      '\nExamples:\n  streamside card pi-attic --to /media/you/bootfs\n  streamside card --check pi-attic\n' +
        '  streamside card pi-attic --to ./card --image trixie      into an empty folder',
    )
    .action(async (host: string, { check, wait, ...options }: Given) => {
      if (!check) {
        const { runCard } = await import('./card.ts')
        done(await runCard(host, options))
        return
      }
      if (options.to !== undefined || options.image !== undefined)
        throw new Problem({
          code: 'card-where',
          doing: `looking for ${host}`,
          found: '--check writes nothing, and --to and --image say what to write',
          next: `streamside card --check ${host}`,
          host,
          exit: exitCodes.usage,
        })
      const { runCardCheck } = await import('./card-check.ts')
      done(
        await runCardCheck(
          host,
          { ...(options.inventory === undefined ? {} : { inventory: options.inventory }), wait },
          stopping,
        ),
      )
    })
}
