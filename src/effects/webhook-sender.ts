import { type DeliveryResult, type WebhookCallParts, type WebhookLine, webhookLine } from "./webhook-call.ts"
import { type EffectContext, openSecret } from "./effect-context.ts"
import type { Webhook } from "../events/webhook.ts"
import type { WebhookMessage } from "./webhook-message.ts"
import { signedHeaders } from "./webhook-signature.ts"

/** Sends signed messages to one webhook. */
export interface WebhookSender {
  /** One attempt. @throws GatehouseError `store_unavailable`; the signal's reason */
  send(webhook: Webhook, message: WebhookMessage, signal: AbortSignal): Promise<DeliveryResult>
  close(): Promise<void>
}

/** Sender that keeps one connection, for as long as address and owner stay the same. */
export function webhookSender(
  context: Pick<EffectContext, "store" | "vault" | "now">,
  parts: WebhookCallParts,
): WebhookSender {
  let line: WebhookLine | undefined
  let place = ""
  return {
    async send(webhook, message, signal) {
      const secrets = await secretsOf(context, webhook)
      if (secrets.length === 0) return { status: null, fault: "secret_missing", retryAfterMs: 0 }
      const wanted = `${webhook.owner} ${webhook.url}`
      if (wanted !== place) {
        await line?.close()
        line = webhookLine(webhook.url, webhook.owner, parts)
        place = wanted
      }
      const timestamp = Math.floor(context.now().getTime() / 1000)
      return line!.post(message.body, signedHeaders({ ...message, timestamp }, secrets), signal)
    },
    close: async () => line?.close(),
  }
}

/** The newest first. The one before it signs as well while receivers change over. */
async function secretsOf(context: Pick<EffectContext, "store" | "vault" | "now">, webhook: Webhook): Promise<string[]> {
  const { secret_ref, previous_secret_ref, previous_until } = webhook
  const overlaps = previous_until !== null && Date.parse(previous_until) > context.now().getTime()
  const refs = [secret_ref, ...(previous_secret_ref !== null && overlaps ? [previous_secret_ref] : [])]
  const found = await Promise.all(refs.map((ref) => openSecret(context, ref)))
  return found.filter((secret) => secret !== undefined)
}
