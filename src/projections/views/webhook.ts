import * as z from "zod"
import { type Webhook, WebhookFilter } from "../../events/webhook.ts"
import type { DeliveryNote } from "../../platform/delivery-notes.ts"
import type { World } from "../../events/world.ts"
import { ownerFields } from "./owner.ts"

/** A webhook; never its secret. */
export const WebhookView = z
  .strictObject({
    name: z.string(),
    url: z.string(),
    description: z.string(),
    filter: WebhookFilter,
    enabled: z.boolean(),
    disabled_reason: z
      .enum(["gone", "failing", "handed_over"])
      .nullable()
      .describe("The receiver answered 410; nothing got through for three days; its owner changed."),
    previous_secret_until: z
      .string()
      .nullable()
      .describe("Until then the secret before the last rotation signs as well."),
    dead_letter_count: z.int(),
    created_by: z.string(),
    owner: z.string(),
    owner_token_hash: z.string().nullable(),
    created_at: z.string(),
  })
  .meta({ id: "Webhook" })

const Delivery = z
  .strictObject({
    position: z.int().describe("Last position that is done with."),
    attempts: z.int().describe("Failed attempts at the event that is next."),
    next_attempt_at: z.string().nullable(),
    failing_since: z.string().nullable(),
    last_status: z.int().nullable().describe("HTTP status of the last answer."),
    last_fault: z.string().nullable().describe("Why the last attempt failed."),
    last_success_at: z.string().nullable(),
  })
  .meta({ id: "WebhookDelivery" })

const DeadLetterView = z
  .strictObject({
    position: z.int(),
    attempts: z.int(),
    status: z.int().nullable(),
    fault: z.string(),
    at: z.string(),
    retry: z.boolean().describe("It is about to be tried again."),
  })
  .meta({ id: "WebhookDeadLetter" })

/** A webhook with how far it was served, and what could not be delivered. */
export const WebhookDetail = WebhookView.extend({
  delivery: Delivery,
  dead_letters: z.array(DeadLetterView),
}).meta({ id: "WebhookDetail" })

/** View of a webhook. */
export function webhookView(webhook: Webhook, world: World): z.infer<typeof WebhookView> {
  const { name, url, description, filter, enabled, disabled_reason, created_by, created_at } = webhook
  return {
    name,
    url,
    description,
    filter,
    enabled,
    disabled_reason,
    previous_secret_until: webhook.previous_until,
    dead_letter_count: webhook.dead_letters.length,
    created_by,
    ...ownerFields(world, webhook.owner),
    created_at,
  }
}

/** View of a webhook with its delivery. @param note absent before the first look at it */
export function webhookDetail(
  webhook: Webhook,
  world: World,
  note: DeliveryNote | undefined,
): z.infer<typeof WebhookDetail> {
  // A replay that was asked for is not noted before it begins.
  const known = note?.replays === webhook.replays ? note : undefined
  return {
    ...webhookView(webhook, world),
    delivery: {
      position: known?.position ?? webhook.from - 1,
      attempts: known?.attempts ?? 0,
      next_attempt_at: known?.due_at ?? null,
      failing_since: known?.failing_since ?? null,
      last_status: note?.last_status ?? null,
      last_fault: note?.last_fault ?? null,
      last_success_at: note?.last_success_at ?? null,
    },
    dead_letters: webhook.dead_letters.map((letter) => ({ ...letter })),
  }
}
