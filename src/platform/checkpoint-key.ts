import { createPrivateKey, createPublicKey, hkdfSync, sign, verify } from "node:crypto"

/** A statement that is signed: at this position the log has this chain hash. */
export interface Statement {
  readonly position: number
  readonly hash: string
  /** ISO 8601. */
  readonly signed_at: string
}

/** A signed statement. */
export interface SignedStatement extends Statement {
  /** Ed25519 public key, raw, base64url. */
  readonly public_key: string
  /** base64url. */
  readonly signature: string
}

/** Signs statements about the log and judges signatures. */
export interface CheckpointKey {
  /** Public key of what is signed here, raw, base64url. */
  readonly publicKey: string
  sign(statement: Statement): SignedStatement
  /** Was the statement signed by this key, or by one that is trusted as well? */
  genuine(statement: SignedStatement): boolean
}

/** PKCS #8 of an Ed25519 key before its 32 bytes, and SubjectPublicKeyInfo before its 32 (RFC 8410). */
const privatePrefix = Buffer.from("302e020100300506032b657004220420", "hex")
const publicPrefix = Buffer.from("302a300506032b6570032100", "hex")

/**
 * Ed25519 key (RFC 8032) for checkpoints.
 * @param seed 32 bytes that are not in the store
 * @param trusted public keys of earlier seeds
 */
export function checkpointKey(seed: Buffer, trusted: readonly string[] = []): CheckpointKey {
  const key = createPrivateKey({ key: Buffer.concat([privatePrefix, seed]), format: "der", type: "pkcs8" })
  const encoded = createPublicKey(key).export({ format: "der", type: "spki" })
  const publicKey = encoded.subarray(publicPrefix.length).toString("base64url")
  const known = new Set([publicKey, ...trusted])
  return {
    publicKey,
    sign: (statement) => ({
      ...statement,
      public_key: publicKey,
      signature: sign(null, text(statement), key).toString("base64url"),
    }),
    genuine: (statement) => known.has(statement.public_key) && isSigned(statement),
  }
}

/** Seed of the checkpoint key where none of its own is configured: derived from the master key, which Redis never sees. */
export function checkpointSeed(masterKey: Buffer): Buffer {
  return Buffer.from(hkdfSync("sha256", masterKey, "", "gatehouse checkpoint key", 32))
}

function isSigned({ public_key, signature, ...statement }: SignedStatement): boolean {
  const raw = Buffer.from(public_key, "base64url")
  if (raw.length !== 32) return false
  const key = createPublicKey({ key: Buffer.concat([publicPrefix, raw]), format: "der", type: "spki" })
  return verify(null, text(statement), key, Buffer.from(signature, "base64url"))
}

function text({ position, hash, signed_at }: Statement): Buffer {
  return Buffer.from(`gatehouse checkpoint\n${position}\n${hash}\n${signed_at}\n`)
}
