import { randomBytes } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { authorizedKeys } from '../card/authorized-keys.ts'
import type { FirstBoot } from '../card/first-boot.ts'
import { makeHostKey } from '../card/host-key.ts'
import { type Image, imageIn, taken } from '../card/image.ts'
import { networkKey } from '../card/wifi.ts'
import { cardFiles, type Written, writeCard } from '../card/write.ts'
import { errorText } from '../host/error-code.ts'
import { fingerprint } from '../host/host-keys.ts'
import { recordPreparedKey } from '../host/prepared-host-key.ts'
import { sshSettings } from '../host/ssh-settings.ts'
import { findInventory } from '../inventory/find.ts'
import { loadInventory } from '../inventory/load.ts'
import type { Host, Inventory } from '../inventory/model.ts'
import { type ExitCode, exitCodes, Problem } from '../problem.ts'
import { hostNamed } from './app-hosts.ts'

export interface CardOptions {
  inventory?: string
  /** The mounted boot partition of the card, or a folder. */
  to?: string
  image?: Image
}

/**
 * `streamside card HOST --to FOLDER`: the first-boot files of a freshly flashed card, with an SSH host key made here, whose public half
 * goes into known_hosts: so the first connection is verified. The private half is on the card alone.
 * @throws InventoryProblem, Problem `host-unknown`, `card-*`, `known-hosts-none` (exit 2)
 */
export async function runCard(name: string, options: CardOptions): Promise<ExitCode> {
  const { inventory } = await loadInventory(options.inventory ?? (await findInventory(process.cwd())), {
    skipLocalFiles: true,
  })
  const host = hostNamed(inventory, name)
  const about = { doing: `writing the card of ${host.name}`, host: host.name, exit: exitCodes.usage }
  const folder = folderOf(about, options.to)
  const image = options.image ?? imageIn(folder)
  if (image === null)
    throw new Problem({
      ...about,
      code: 'card-image',
      found: `${folder} holds nothing by which to tell which image it belongs to`,
      next: 'say it: --image trixie (cloud-init, current Raspberry Pi OS), or --image bookworm (Debian 12)',
    })
  const boot = await firstBootOf(host, inventory, about)
  const own = taken(
    folder,
    cardFiles(image, boot).map((file) => file.name),
  )
  if (own !== null)
    throw new Problem({
      ...about,
      code: 'card-taken',
      found: `${own} holds settings that streamside has not written`,
      next: 'nothing was written; move that file elsewhere, or flash the card anew without the settings of the Imager',
    })
  const knownHosts = await recordPreparedKey(host, inventory.ssh, boot.hostKey.wire)
  const written = attempt(about, folder, () => writeCard(folder, image, boot))
  process.stdout.write(told(host, boot, folder, written, knownHosts))
  return exitCodes.done
}

type About = { doing: string; host: string; exit: ExitCode }

async function firstBootOf(host: Host, inventory: Inventory, about: About): Promise<FirstBoot> {
  const { card, name } = host
  const { user } = await sshSettings({ ...host, config: inventory.ssh.config, host: name })
  if (user === 'root')
    throw new Problem({
      ...about,
      code: 'card-user',
      found: 'the user to log in as is root, to whom a card does not open the door',
      next: `give ${name} a user in the inventory, pi for one: it may use sudo`,
    })
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(card.hostname))
    throw new Problem({
      ...about,
      code: 'card-hostname',
      found: `${card.hostname} cannot be the name of a machine`,
      next: `say what it is to call itself: card: { hostname: … } under ${name} in the inventory`,
    })
  try {
    if (card.wifi) networkKey(card.wifi)
  } catch (error) {
    throw new Problem({
      ...about,
      code: 'card-wifi',
      found: `the password of ${card.wifi?.ssid ?? ''}: ${errorText(error)}`,
      next: `mend the secret ${card.wifi?.password?.label ?? ''}`,
    })
  }
  return {
    host: name,
    card,
    user,
    keys: await authorizedKeys(name, card.authorizedKeys, inventory.root),
    hostKey: makeHostKey(`root@${card.hostname}`),
    instanceId: `streamside-${card.hostname}-${randomBytes(4).toString('hex')}`,
  }
}

function folderOf(about: About, to: string | undefined): string {
  if (to === undefined) {
    const seen = mounted()
    throw new Problem({
      ...about,
      code: 'card-where',
      found: 'it is not said where the card is',
      next:
        seen.length === 0
          ? 'put the freshly flashed card in, let it be mounted, and name its boot partition: --to /media/you/bootfs'
          : seen.map((folder) => `--to ${folder}`).join(', or '),
    })
  }
  if (statSync(to, { throwIfNoEntry: false })?.isDirectory() === true) return to
  throw new Problem({
    ...about,
    code: 'card-where',
    found: `there is no folder ${to}`,
    next: 'name the boot partition of the card where it is mounted, or a folder that is there',
  })
}

/** Where desktops mount the boot partition of a Raspberry Pi's card. */
function mounted(): string[] {
  const below = (folder: string) => {
    try {
      return readdirSync(folder).map((name) => path.join(folder, name))
    } catch {
      // a system without it mounts elsewhere
      return []
    }
  }
  const places = ['/media', '/run/media'].flatMap((folder) => [...below(folder), ...below(folder).flatMap(below)])
  return [...places, ...below('/Volumes')].filter((each) => path.basename(each) === 'bootfs')
}

function attempt<T>(about: About, folder: string, job: () => T): T {
  try {
    return job()
  } catch (error) {
    throw new Problem({
      ...about,
      code: 'card-unwritable',
      found: `${folder}: ${errorText(error)}`,
      next: 'see whether the card is write-protected, full or gone, then run this again: it begins anew',
    })
  }
}

function told(host: Host, boot: FirstBoot, folder: string, written: Written, knownHosts: string): string {
  const { card } = boot
  const network = card.network === null ? 'DHCP' : card.network.address
  const lines = [
    `${host.name}: ${written.files.join(', ')} written to ${folder}`,
    `  calls itself ${card.hostname}; ${boot.user} may log in with ${boot.keys.length} ${boot.keys.length === 1 ? 'key' : 'keys'}; ` +
      `network: ${network}${card.wifi === null ? '' : `, Wi-Fi ${card.wifi.ssid}`}`,
    `  its key ED25519 ${fingerprint(boot.hostKey.wire)} is in ${knownHosts}; the private half is on the card alone`,
    ...(written.missing === null
      ? []
      : [`  there is no cmdline.txt: add this to the one line of the card's own:\n    ${written.missing}`]),
    `next: unmount the card, boot ${host.name} with it, then`,
    `  streamside card --check ${host.name}      waits until it is there`,
    `  streamside restore ${host.name}           or provision, where it has never had data`,
  ]
  return `${lines.join('\n')}\n`
}
