import type { BaseAgent, IdentityCallback, ParsedKey, SignCallback, SigningRequestOptions } from 'ssh2'
import type { Countdown } from './countdown.ts'
import { errorText } from './error-code.ts'
import type { Identity } from './identities.ts'
import type { KeyTrials } from './login.ts'

/**
 * All identities as one ssh2 agent: ssh2 then asks the host for each public key whether it would take it, and us for a
 * signature only if so. That is what keeps a passphrase from being asked for a key that nobody wants.
 */
export async function keyAgent(
  offered: Identity[],
  limit: Countdown,
  trials: KeyTrials,
): Promise<BaseAgent<ParsedKey>> {
  const { default: ssh2 } = await import('ssh2')
  const signed = async (key: ParsedKey, data: Buffer, options: SigningRequestOptions): Promise<Buffer> => {
    const wire = key.getPublicSSH()
    const identity = offered.find((one) => one.publicKey.getPublicSSH().equals(wire))
    if (!identity) throw new Error('ssh2 asks for a signature of a key that was not offered')
    return limit.paused(() => identity.sign(data, options))
  }
  // ssh2 insists on a subclass of its own (instanceof).
  class KeyAgent extends ssh2.BaseAgent<ParsedKey> {
    override getIdentities(callback: IdentityCallback<ParsedKey>): void {
      trials.tried = offered.map((identity) => identity.label)
      callback(
        null,
        offered.map((identity) => identity.publicKey),
      )
    }

    override sign(
      key: ParsedKey,
      data: Buffer,
      options: SigningRequestOptions | SignCallback,
      done?: SignCallback,
    ): void {
      const [choice, callback] = typeof options === 'function' ? [{}, options] : [options, done]
      void answer(signed(key, data, choice), callback, trials)
    }
  }
  return new KeyAgent()
}

/** Hands the signature on, or why there is none: the host is then offered the next key. */
async function answer(signing: Promise<Buffer>, callback: SignCallback | undefined, trials: KeyTrials): Promise<void> {
  let signature: Buffer
  try {
    signature = await signing
  } catch (error) {
    trials.unusable.push(errorText(error))
    callback?.(error instanceof Error ? error : new Error(errorText(error)))
    return
  }
  callback?.(null, signature)
}
