import type { DeliveryNotes, Writer } from "../platform/delivery-notes.ts"
import { type WebhookCallParts } from "./webhook-call.ts"
import type { EffectContext } from "./effect-context.ts"
import type { EventFeed } from "../projections/event-feed.ts"
import { all } from "../events/world.ts"
import { reason } from "../platform/log.ts"
import { runLane } from "./webhook-lane.ts"
import { wakeUp } from "./wake-up.ts"
import { webhookSender } from "./webhook-sender.ts"

/** What delivers to webhooks. */
export interface WebhookParts {
  readonly feed: EventFeed
  readonly notes: DeliveryNotes
  readonly call: WebhookCallParts
}

const lookMs = 10_000
const restartMs = 1000

/**
 * Delivers to every webhook, each in a lane of its own: one that hangs holds up nobody else. Resolves when all lanes have ended,
 * which they do when `signal` is aborted.
 */
export async function workOnWebhooks(
  context: EffectContext,
  parts: WebhookParts,
  writer: Writer,
  signal: AbortSignal,
): Promise<void> {
  const { projections, log } = context
  const lanes = new Map<string, Promise<void>>()
  const wake = wakeUp(signal)
  const stop = projections.listen((events) => {
    if (events.some(({ kind }) => kind === "webhook")) wake.ring()
  })
  const start = (name: string, webhookId: string) => {
    const sender = webhookSender(context, parts.call)
    const running = runLane({ ...parts, context, writer, sender, name, webhookId, signal })
      .catch((error: unknown) => log.error("webhook_lane_failed", { webhook: name, error: reason(error) }))
      .finally(() => {
        lanes.delete(webhookId)
        // What ended by a fault begins again from its note, but not at once.
        if (!signal.aborted) setTimeout(wake.ring, restartMs).unref()
      })
    lanes.set(webhookId, running)
  }
  while (!signal.aborted) {
    const webhooks = [...all(projections.world, "webhook")]
    for (const { name, webhook_id } of webhooks) if (!lanes.has(webhook_id)) start(name, webhook_id)
    await forget(parts.notes, writer, new Set(webhooks.map(({ webhook_id }) => webhook_id))).catch((error: unknown) =>
      log.debug("delivery_notes_wait", { error: reason(error) }),
    )
    await wake.next(lookMs)
  }
  stop()
  await Promise.all(lanes.values())
}

/** Removes the notes of webhooks that are gone. */
async function forget(notes: DeliveryNotes, writer: Writer, known: ReadonlySet<string>): Promise<void> {
  for (const id of await notes.ids()) if (!known.has(id)) await notes.write(writer, id, undefined)
}
