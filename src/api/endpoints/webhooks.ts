import * as z from "zod"
import { type Call, endpoint } from "../endpoint.ts"
import { WebhookChanges, WebhookRequest } from "../../commands/webhook.ts"
import { WebhookDetail, WebhookView, webhookDetail, webhookView } from "../../projections/views/webhook.ts"
import { type Done, versionOf, write } from "../write.ts"
import { listOf, listPage, listQuery } from "../list.ts"
import { mayRead, ownObject } from "../access.ts"
import type { Answer } from "../endpoint.ts"
import { WebhookName } from "../../events/webhook.ts"
import { all } from "../../events/world.ts"
import { randomUUID } from "node:crypto"

const tag = "webhooks"
const base = "/api/v1/webhooks"

/** A webhook in a path. */
export const Named = z.strictObject({ name: WebhookName })

/** A webhook as it is now. @throws GatehouseError `not_found`, `not_owner` */
export async function shown(
  call: Call,
  name: string,
): Promise<Answer & { readonly body: z.infer<typeof WebhookDetail> }> {
  const { projections, webhooks } = call.api
  const webhook = ownObject(call, "webhook", name)
  const note = await webhooks.notes.read(webhook.webhook_id)
  return { body: webhookDetail(webhook, projections.world, note), version: versionOf(call, "webhook", name)! }
}

/** A signing secret on its way: its vault entry, and the entry sealed. */
export function sealedSecret({ api }: Call) {
  const secret_ref = `webhook-${randomUUID()}`
  return { secret_ref, secrets: { [secret_ref]: api.vault.seal(secret_ref, api.webhooks.newSecret()) } }
}

/**
 * The secret that a command stored, from its event: the same for every repetition of the call, for as long as the webhook has it.
 */
export async function storedSecret({ api }: Call, { position }: Done<unknown>): Promise<{ secret?: string }> {
  const [event] = await api.store.read(position - 1, 1)
  const { secret_ref } = event!.data as { secret_ref: string }
  const sealed = await api.store.secret(secret_ref)
  return sealed === undefined ? {} : { secret: api.vault.open(secret_ref, sealed) }
}

/** The secret in an answer, this once. */
export const Secret = z
  .string()
  .optional()
  .describe("Signing secret, shown here only; absent in a repeated answer when it was replaced meanwhile.")

const list = endpoint({
  method: "GET",
  path: base,
  operationId: "listWebhooks",
  tag,
  summary: "List webhooks: the caller's own, or all for an administrator.",
  who: "any",
  query: listQuery(["name", "created_at"]),
  status: 200,
  response: listOf("webhooks", WebhookView),
  handler({ api, caller, query }) {
    const { world } = api.projections
    const found = [...all(world, "webhook")].filter(({ owner }) => mayRead(caller, owner))
    return {
      body: listPage(
        "webhooks",
        found,
        query,
        (webhook) => webhook[query.sort_by],
        ({ name }) => name,
        (webhook) => webhookView(webhook, world),
      ),
    }
  },
})

const create = endpoint({
  method: "POST",
  path: base,
  operationId: "createWebhook",
  tag,
  summary: "Have events sent to an address as they happen, signed per Standard Webhooks; the answer holds the secret.",
  who: "any",
  body: WebhookRequest,
  status: 201,
  response: WebhookDetail.extend({ secret: Secret }),
  errors: ["already_exists", "forbidden_target", "admin_required", "invalid_state"],
  handler(call) {
    const { secret_ref, secrets } = sealedSecret(call)
    const data = { ...call.body, webhook_id: randomUUID(), secret_ref }
    return write(call, { type: "CreateWebhook", data, asked: call.body, secrets }, async (done) => {
      const answer = await shown(call, call.body.name)
      return {
        ...answer,
        body: { ...answer.body, ...(await storedSecret(call, done)) },
        secret: true,
        headers: { location: `${base}/${call.body.name}` },
      }
    })
  },
})

const show = endpoint({
  method: "GET",
  path: `${base}/{name}`,
  operationId: "getWebhook",
  tag,
  summary: "Show a webhook, how far it was served, and what could not be delivered.",
  who: "owner",
  params: Named,
  status: 200,
  response: WebhookDetail,
  errors: ["not_owner"],
  handler: (call) => shown(call, call.params.name),
})

const update = endpoint({
  method: "PUT",
  path: `${base}/{name}`,
  operationId: "updateWebhook",
  tag,
  summary: "Change a webhook, for the next event; enabled stops delivery and goes on where it stopped.",
  who: "owner",
  params: Named,
  body: WebhookChanges.extend({ owner: z.string().max(64).optional() }),
  status: 200,
  response: WebhookDetail,
  errors: ["not_owner", "admin_required", "forbidden_target", "invalid_state"],
  handler(call) {
    const { owner, ...changes } = call.body
    const data = { ...call.params, changes, owner }
    return write(call, { type: "UpdateWebhook", data }, () => shown(call, call.params.name))
  },
})

const remove = endpoint({
  method: "DELETE",
  path: `${base}/{name}`,
  operationId: "deleteWebhook",
  tag,
  summary: "Delete a webhook and its secret; what was not delivered is not delivered any more.",
  who: "owner",
  params: Named,
  status: 204,
  response: z.undefined(),
  errors: ["not_owner"],
  handler: (call) => write(call, { type: "DeleteWebhook", data: call.params }, () => ({})),
})

/** Endpoints about webhooks. */
export const webhookEndpoints = [list, create, show, update, remove]
