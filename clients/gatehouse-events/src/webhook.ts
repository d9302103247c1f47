import { createHmac, timingSafeEqual } from "node:crypto"
import type { GatehouseEvent } from "./event.ts"

/** A message of a webhook. `WebhookTest` is what `just webhook-test` sends. */
export type WebhookMessage =
  | { readonly type: GatehouseEvent["type"]; readonly timestamp: string; readonly data: GatehouseEvent }
  | { readonly type: "WebhookTest"; readonly timestamp: string; readonly data: { readonly webhook: string } }

/** A request that is not from Gatehouse, not for this secret, or too old. */
export class WebhookError extends Error {
  override name = "WebhookError"
}

/** What came in. */
export interface WebhookRequest {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The body as it came, before anything parsed it. */
  readonly body: string
  /** `whsec_…`, as it was shown at the creation or the last rotation; several while they are being changed. */
  readonly secret: string | readonly string[]
  /** Seconds that the message may be old, or ahead; 300. */
  readonly toleranceSeconds?: number
  /** Milliseconds since the epoch. */
  readonly now?: number
}

/**
 * Verifies a message (Standard Webhooks, symmetric signatures) and gives it. Its `webhook-id` is the same for every attempt at
 * one event: keep it to drop repeats.
 * @throws WebhookError
 */
export function verifyWebhook(request: WebhookRequest): WebhookMessage {
  const { headers, body, secret, toleranceSeconds = 300, now = Date.now() } = request
  const header = (name: string) => {
    const value = headers[name]
    if (typeof value !== "string" || value === "") throw new WebhookError(`there is no header ${name}`)
    return value
  }
  const id = header("webhook-id")
  const timestamp = header("webhook-timestamp")
  const given = header("webhook-signature").split(" ")
  if (!/^\d+$/.test(timestamp) || Math.abs(now / 1000 - Number(timestamp)) > toleranceSeconds)
    throw new WebhookError("the message is too old, or from the future")
  const expected = [secret].flat().map((one) => {
    const key = Buffer.from(one.replace(/^whsec_/, ""), "base64")
    return Buffer.from(`v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`)
  })
  const matches = given.some((signature) => expected.some((one) => equal(one, Buffer.from(signature))))
  if (!matches) throw new WebhookError("no signature is right")
  return JSON.parse(body) as WebhookMessage
}

function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
