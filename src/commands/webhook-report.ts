import * as z from "zod"
import { command, existing, fact, requireAdmin } from "./decision.ts"
import { type Webhook, WebhookName, webhookEvents } from "../events/webhook.ts"
import { type World, find } from "../events/world.ts"
import type { Context } from "./decision.ts"
import { GatehouseError } from "../errors.ts"

/** A report is about one webhook: another may have its name by now. */
const About = z.strictObject({ name: WebhookName, webhook_id: z.uuid() })
const webhook = ({ name }: { name: string }) => ({ kind: "webhook" as const, id: name })

function reported({ name, webhook_id }: z.infer<typeof About>, world: World, context: Context): Webhook {
  requireAdmin(context)
  const state = existing(find(world, "webhook", name), `webhook ${name}`)
  if (state.webhook_id !== webhook_id) throw new GatehouseError("invalid_state", "the name is another webhook's now")
  return state
}

const RecordDeliveryAbandoned = command(
  About.extend(webhookEvents.WebhookDeliveryAbandoned.shape),
  webhook,
  ({ name, webhook_id, ...failure }, world, context) => {
    const letter = reported({ name, webhook_id }, world, context).dead_letters.find(
      ({ position }) => position === failure.position,
    )
    // The worker may have ended between this report and its own note of it.
    const known = letter !== undefined && !letter.retry
    return { events: known ? [] : [fact("webhook", name, "WebhookDeliveryAbandoned", failure)] }
  },
)

const RecordDeliveryRecovered = command(
  About.extend(webhookEvents.WebhookDeliveryRecovered.shape),
  webhook,
  ({ position, ...about }, world, context) => {
    const known = reported(about, world, context).dead_letters.some((letter) => letter.position === position)
    return { events: known ? [fact("webhook", about.name, "WebhookDeliveryRecovered", { position })] : [] }
  },
)

const DisableWebhook = command(
  About.extend(webhookEvents.WebhookDisabled.shape),
  webhook,
  ({ name, webhook_id, ...why }, world, context) => {
    const { enabled } = reported({ name, webhook_id }, world, context)
    return { events: enabled ? [fact("webhook", name, "WebhookDisabled", why)] : [] }
  },
)

const RetireWebhookSecret = command(About, webhook, (about, world, context) => {
  const { previous_until } = reported(about, world, context)
  const due = previous_until !== null && previous_until <= context.now
  return { events: due ? [fact("webhook", about.name, "WebhookSecretRetired", {})] : [] }
})

/** Reports of the worker that delivers. */
export const webhookReports = {
  RecordDeliveryAbandoned,
  RecordDeliveryRecovered,
  DisableWebhook,
  RetireWebhookSecret,
} as const
