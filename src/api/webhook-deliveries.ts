import type { DeliveryNotes } from "../platform/delivery-notes.ts"
import type { Webhook } from "../events/webhook.ts"

/** What came of one message to a receiver. */
export interface TriedMessage {
  /** HTTP status of the answer; null when there was none. */
  readonly status: number | null
  /** Stable word for why it was not taken; null when it was. */
  readonly fault: string | null
}

/** What the endpoints about webhooks need besides the log. */
export interface WebhookDeliveries {
  readonly notes: Pick<DeliveryNotes, "read">
  /** A new signing secret. */
  readonly newSecret: () => string
  /** Sends a test message, once. */
  readonly test: (webhook: Webhook, signal: AbortSignal) => Promise<TriedMessage>
}
