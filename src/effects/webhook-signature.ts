import { createHmac, randomBytes } from "node:crypto"

const prefix = "whsec_"
/** Bytes of a secret; Standard Webhooks asks for 24 to 64. */
const secretBytes = 32

/** A new signing secret, in the form of Standard Webhooks: `whsec_` and base64. */
export function newSigningSecret(): string {
  return `${prefix}${randomBytes(secretBytes).toString("base64")}`
}

/** What is signed. */
export interface SignedMessage {
  /** The same for every attempt at one event. */
  readonly id: string
  /** Seconds since the epoch, of the attempt. */
  readonly timestamp: number
  readonly body: string
}

/**
 * Headers of a message as Standard Webhooks has them: HMAC-SHA256 over `<id>.<timestamp>.<body>`, one signature for each secret
 * so that a receiver may change from one to the next at its own time.
 */
export function signedHeaders({ id, timestamp, body }: SignedMessage, secrets: readonly string[]) {
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(prefix.length), "base64")
    return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`
  })
  return {
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signatures.join(" "),
  }
}
