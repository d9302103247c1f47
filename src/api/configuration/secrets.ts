import * as z from "zod"
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto"
import { GatehouseError } from "../../errors.ts"

const Base64Url = z.string().regex(/^[A-Za-z0-9_-]*$/)

/** Secrets of an export under a key that is made from a passphrase (scrypt, RFC 7914; AES-256-GCM). */
export const SealedSecrets = z.strictObject({
  kdf: z.literal("scrypt-131072-8-1"),
  cipher: z.literal("aes-256-gcm"),
  salt: Base64Url.length(22),
  nonce: Base64Url.length(16),
  data: Base64Url.min(22),
})

/** Secrets by what they belong to. */
export const Secrets = z.strictObject({
  /** Values of tokens by name. */
  tokens: z.record(z.string(), z.string()),
  /** Values of environment variables by service and name. */
  services: z.record(z.string(), z.record(z.string(), z.string())),
  /** Signing secrets of webhooks by name; documents of earlier versions have none. */
  webhooks: z.record(z.string(), z.string()).default({}),
})

const tagBytes = 16
/** About a third of a second and 128 MiB for each guess. The document does not choose: it may come from anywhere. */
const cost = { N: 131_072, r: 8, p: 1, maxmem: 256 * 1024 * 1024 }
const boundTo = Buffer.from("gatehouse export 1")

/** @throws GatehouseError `passphrase_required` for none, and for one that is too short */
export function checkedPassphrase(passphrase: string | undefined): string {
  // What a header can carry unchanged.
  if (passphrase === undefined || !/^[\x20-\x7e]{12,1024}$/.test(passphrase))
    throw new GatehouseError(
      "passphrase_required",
      "give a passphrase of 12 to 1024 printable ASCII characters in the header X-Passphrase",
    )
  return passphrase
}

/** Seals secrets under a passphrase. */
export async function sealSecrets(
  secrets: z.infer<typeof Secrets>,
  passphrase: string,
): Promise<z.infer<typeof SealedSecrets>> {
  const [salt, nonce] = [randomBytes(16), randomBytes(12)]
  const sealing = createCipheriv("aes-256-gcm", await keyFrom(passphrase, salt), nonce).setAAD(boundTo)
  const data = Buffer.concat([sealing.update(JSON.stringify(secrets)), sealing.final(), sealing.getAuthTag()])
  const text = (bytes: Buffer) => bytes.toString("base64url")
  return { kdf: "scrypt-131072-8-1", cipher: "aes-256-gcm", salt: text(salt), nonce: text(nonce), data: text(data) }
}

/** @throws GatehouseError `passphrase_wrong` also for what was changed since it was sealed */
export async function openSecrets(
  sealed: z.infer<typeof SealedSecrets>,
  passphrase: string,
): Promise<z.infer<typeof Secrets>> {
  const bytes = (text: string) => Buffer.from(text, "base64url")
  const key = await keyFrom(passphrase, bytes(sealed.salt))
  const data = bytes(sealed.data)
  try {
    const opening = createDecipheriv("aes-256-gcm", key, bytes(sealed.nonce), { authTagLength: tagBytes })
    opening.setAAD(boundTo).setAuthTag(data.subarray(-tagBytes))
    const text = Buffer.concat([opening.update(data.subarray(0, -tagBytes)), opening.final()]).toString()
    return Secrets.parse(JSON.parse(text))
  } catch {
    throw new GatehouseError("passphrase_wrong")
  }
}

function keyFrom(passphrase: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, 32, cost, (error, key) => (error === null ? resolve(key) : reject(error)))
  })
}
