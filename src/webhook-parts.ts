import type { Config } from "./platform/config.ts"
import type { EffectContext } from "./effects/effect-context.ts"
import type { EventFeed } from "./projections/event-feed.ts"
import type { Redis } from "ioredis"
import type { WebhookDeliveries } from "./api/webhook-deliveries.ts"
import type { WebhookCallParts } from "./effects/webhook-call.ts"
import type { WebhookParts } from "./effects/webhook-worker.ts"
import { addressAllowed, isLoopbackAddress } from "./events/target-address.ts"
import { deliveryNotes } from "./platform/delivery-notes.ts"
import { newSigningSecret } from "./effects/webhook-signature.ts"
import { innerDoors, ownPorts } from "./policy.ts"
import { testMessage } from "./effects/webhook-message.ts"
import { webhookSender } from "./effects/webhook-sender.ts"

/** May the token that vouches for a target have this address dialled? */
export function mayDial(config: Config): WebhookCallParts["mayDial"] {
  const [ports, doors] = [ownPorts(config), innerDoors(config)]
  return (address, port, owner) =>
    addressAllowed(address, owner === "admin", config.TARGET_ALLOW_CIDRS) &&
    !(isLoopbackAddress(address) && ports.includes(port)) &&
    !doors.some((door) => door.port === port && door.host === address)
}

/** What webhooks are made of: for the worker that delivers, and for the API. @param call replaces parts, for tests */
export function webhookParts(
  context: Pick<EffectContext, "config" | "store" | "vault" | "now">,
  redis: Redis,
  feed: EventFeed,
  call: Partial<WebhookCallParts> = {},
): { readonly worker: WebhookParts; readonly api: WebhookDeliveries } {
  const { config } = context
  const parts = { mayDial: mayDial(config), timeoutMs: config.WEBHOOK_TIMEOUT * 1000, ...call }
  const notes = deliveryNotes(redis)
  return {
    worker: { feed, notes, call: parts },
    api: {
      notes,
      newSecret: newSigningSecret,
      async test(webhook, signal) {
        const sender = webhookSender(context, parts)
        try {
          return await sender.send(webhook, testMessage(webhook, context.now()), signal)
        } finally {
          await sender.close()
        }
      },
    },
  }
}
