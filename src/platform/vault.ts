import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto"

/** An entry that cannot be opened: `wrong_key` = sealed under another master key, `damaged` = changed or moved to another reference. */
class VaultError extends Error {
  override name = "VaultError"
  readonly code: "wrong_key" | "damaged"

  constructor(code: "wrong_key" | "damaged", message: string) {
    super(message)
    this.code = code
  }
}

/** Seals secrets for the store and opens them again. */
export interface Vault {
  /**
   * `v1.<master key id>.<wrapped data key>.<ciphertext>`: AES-256-GCM under a key of this entry's own, which is wrapped by the
   * master key. Both are bound to `ref`, so that an entry cannot be put in another's place.
   */
  seal(ref: string, plaintext: string): string
  /** @throws VaultError */
  open(ref: string, sealed: string): string
}

const cipher = "aes-256-gcm"
const nonceBytes = 12
const tagBytes = 16

/**
 * Vault under a master key.
 * @param masterKey 32 bytes; never stored with what it wraps
 */
export function vault(masterKey: Buffer): Vault {
  const keyId = createHash("sha256").update("gatehouse master key id\n").update(masterKey).digest("hex").slice(0, 16)
  return {
    seal(ref, plaintext) {
      const dataKey = randomBytes(32)
      const wrapped = encrypt(masterKey, `key\n${ref}`, dataKey)
      return ["v1", keyId, wrapped, encrypt(dataKey, `value\n${ref}`, Buffer.from(plaintext))].join(".")
    },
    open(ref, sealed) {
      const [version, id, wrapped, body, ...rest] = sealed.split(".")
      if (version !== "v1" || wrapped === undefined || body === undefined || rest.length > 0)
        throw new VaultError("damaged", `vault entry ${ref} has an unknown form`)
      if (id !== keyId)
        throw new VaultError("wrong_key", `vault entry ${ref} was sealed under master key ${id}, this one is ${keyId}`)
      try {
        return decrypt(decrypt(masterKey, `key\n${ref}`, wrapped), `value\n${ref}`, body).toString()
      } catch {
        throw new VaultError("damaged", `vault entry ${ref} was changed after it was sealed`)
      }
    },
  }
}

function encrypt(key: Buffer, boundTo: string, plaintext: Buffer): string {
  const nonce = randomBytes(nonceBytes)
  const sealing = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(boundTo))
  return Buffer.concat([nonce, sealing.update(plaintext), sealing.final(), sealing.getAuthTag()]).toString("base64url")
}

function decrypt(key: Buffer, boundTo: string, sealed: string): Buffer {
  const bytes = Buffer.from(sealed, "base64url")
  const opening = createDecipheriv(cipher, key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })
  opening.setAAD(Buffer.from(boundTo)).setAuthTag(bytes.subarray(-tagBytes))
  return Buffer.concat([opening.update(bytes.subarray(nonceBytes, -tagBytes)), opening.final()])
}
