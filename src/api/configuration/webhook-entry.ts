import type { Intent, Workshop } from "./intent.ts"
import { type World, find } from "../../events/world.ts"
import type { Entry } from "./document.ts"
import { randomUUID } from "node:crypto"

/**
 * Commands that make a webhook what its entry says. Its secret is the one that the document brings; without one, a new webhook
 * gets a secret that nobody knows until it is rotated, and one that is there keeps its own.
 */
export async function webhookCommandsFor(
  { enabled, owner, ...entry }: Entry<"webhooks">,
  world: World,
  { webhookSecret, newWebhookSecret, presentValue, seal }: Workshop,
): Promise<Intent[]> {
  const { name, ...settings } = entry
  const known = find(world, "webhook", name)
  const brought = webhookSecret(name)
  const secret_ref = `webhook-${randomUUID()}`
  const sealed = (value: string) => ({ [secret_ref]: seal(secret_ref, value) })
  // By itself, after the others: a change of owners switches off.
  const switched = { type: "UpdateWebhook", data: { name, changes: { enabled } } }
  if (known === undefined) {
    const data = { ...entry, owner, webhook_id: randomUUID(), secret_ref }
    return [{ type: "CreateWebhook", data, secrets: sealed(brought ?? newWebhookSecret()) }, switched]
  }
  const other = brought !== undefined && (await presentValue(known.secret_ref)) !== brought
  return [
    { type: "UpdateWebhook", data: { name, changes: settings, owner } },
    switched,
    ...(other ? [{ type: "RotateWebhookSecret", data: { name, secret_ref }, secrets: sealed(brought) }] : []),
  ]
}
