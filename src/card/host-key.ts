import ssh2 from 'ssh2'

/** An SSH host key that is made before its host. */
export interface HostKeyPair {
  /** In OpenSSH's own format, as it stands in ssh_host_ed25519_key. */
  privateKey: string
  /** `ssh-ed25519 AAAA… COMMENT` */
  publicKey: string
  /** The public key in wire format, for known_hosts. */
  wire: Buffer
}

/** Makes an Ed25519 host key. It is kept nowhere: whoever calls this writes it to the card. */
export function makeHostKey(comment: string): HostKeyPair {
  const { private: privateKey, public: publicKey } = ssh2.utils.generateKeyPairSync('ed25519', { comment })
  return { privateKey, publicKey, wire: Buffer.from(publicKey.split(' ')[1] ?? '', 'base64') }
}
