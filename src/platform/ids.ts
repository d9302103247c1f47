import { createHash, hash, randomBytes } from "node:crypto"

/** Namespace of Gatehouse's name-based UUIDs. */
const namespace = Buffer.from("6f3c1b2e9d5a4c7f8e21a4b0c9d7e6f5", "hex")

/** Name-based UUID (RFC 9562 §5.5): the same name gives the same id. */
export function uuidv5(name: string): string {
  const bytes = createHash("sha1").update(namespace).update(name).digest().subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x50
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString("hex")
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** Random secret in base64url. @param bytes entropy, 32 by default (256 bit) */
export function randomSecret(bytes = 32): string {
  return randomBytes(bytes).toString("base64url")
}

/** SHA-256 in base64url: a name for a secret that opens nothing. */
export function digest(value: string): string {
  return hash("sha256", value, "base64url")
}

/** `sha256:` and the hex digest: what is stored of a secret that is only compared. */
export function sha256(value: string): string {
  return `sha256:${hash("sha256", value)}`
}
