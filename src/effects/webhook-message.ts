import type { StoredEvent } from "../events/envelope.ts"
import type { Webhook } from "../events/webhook.ts"
import { eventView } from "../projections/views/event.ts"
import { randomUUID } from "node:crypto"

/** One message to a receiver. */
export interface WebhookMessage {
  readonly id: string
  readonly body: string
}

/**
 * An event as a message: type, timestamp and data as Standard Webhooks proposes, the data being what the API shows of the event.
 * Its id names webhook and position, so that whoever gets it twice can tell.
 */
export function eventMessage({ webhook_id, owner }: Webhook, event: StoredEvent): WebhookMessage {
  const body = { type: event.type, timestamp: event.meta.at, data: eventView(event, owner === "admin") }
  return { id: `evt_${webhook_id}_${event.position}`, body: JSON.stringify(body) }
}

/** A message by which the owner sees whether the receiver takes anything. */
export function testMessage({ name }: Webhook, now: Date): WebhookMessage {
  const body = { type: "WebhookTest", timestamp: now.toISOString(), data: { webhook: name } }
  return { id: `test_${randomUUID()}`, body: JSON.stringify(body) }
}
