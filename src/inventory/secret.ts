import { inspect } from 'node:util'

/**
 * A value that must not be seen: it prints as `***` wherever it is turned into text (template literals, JSON, `inspect`),
 * and gives itself up only to `reveal()`. Search for `reveal(` to see every place that handles the value itself.
 */
export class Secret {
  readonly #value: string
  /** The name it has in the inventory (`!secret NAME`), for messages. */
  readonly label: string

  constructor(label: string, value: string) {
    this.label = label
    this.#value = value
  }

  /** The value itself. The caller sees to it that it reaches neither argv, log, event, diff nor error. */
  reveal(): string {
    return this.#value
  }

  toString(): string {
    return '***'
  }

  toJSON(): string {
    return '***'
  }

  [inspect.custom](): string {
    return '***'
  }
}

/** The text of a value that may be a secret. Same duty of care as `Secret.reveal`. */
export function revealed(value: string | Secret): string {
  return value instanceof Secret ? value.reveal() : value
}
