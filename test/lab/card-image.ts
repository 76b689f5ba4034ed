import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { cardOf, removeCard } from './card.ts'
import type { LabHost } from './lab-host.ts'

/** A card as it was once, to be put into its host again and again. Gone with its lab instance. */
export interface CardImage {
  /** Layers of the overlay below what the host writes from then on, the newest first. */
  layers: string
}

const layersFile = (host: LabHost): string => path.join(cardOf(host).folder, 'flashed-from')

/**
 * Keeps the card of a host that is off under a name. Nothing is copied: what the host has written becomes a layer that
 * nobody writes to any more, and the host goes on above it.
 */
export async function keepCard(host: LabHost, name: string): Promise<CardImage> {
  await removeCard(host, false)
  const below = await readFile(layersFile(host), 'utf8')
  const layer = path.join(host.instance.disks, 'images', `${host.name}-${name}`)
  await rm(layer, { recursive: true, force: true })
  await mkdir(path.dirname(layer), { recursive: true })
  await rename(path.join(cardOf(host).folder, 'upper'), layer)
  const image = { layers: `${layer}:${below}` }
  await insertCardImage(host, image)
  return image
}

/** Puts a kept card into a host that is off: from its next boot on all is as it was when the card was kept. */
export async function insertCardImage(host: LabHost, image: CardImage): Promise<void> {
  await removeCard(host, false)
  for (const part of ['upper', 'work']) await rm(path.join(cardOf(host).folder, part), { recursive: true, force: true })
  await writeFile(layersFile(host), image.layers)
}
