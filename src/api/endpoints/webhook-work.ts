import * as z from "zod"
import { Named, Secret, sealedSecret, shown, storedSecret } from "./webhooks.ts"
import { endpoint } from "../endpoint.ts"
import { WebhookDetail } from "../../projections/views/webhook.ts"
import { ownObject } from "../access.ts"
import { write } from "../write.ts"

const tag = "webhooks"
const base = "/api/v1/webhooks/{name}"
const Position = z.int().min(1)

const test = endpoint({
  method: "POST",
  path: `${base}/test`,
  operationId: "testWebhook",
  tag,
  summary: "Send a signed WebhookTest message now, once, and say what came of it.",
  who: "owner",
  params: Named,
  status: 200,
  response: z.strictObject({
    delivered: z.boolean(),
    status: z.int().nullable().describe("HTTP status of the answer."),
    fault: z.string().nullable().describe("Stable word for why it was not taken."),
  }),
  errors: ["not_owner"],
  async handler(call) {
    const webhook = ownObject(call, "webhook", call.params.name)
    const { status, fault } = await call.api.webhooks.test(webhook, call.signal)
    return { body: { delivered: fault === null, status, fault } }
  },
})

const rotate = endpoint({
  method: "POST",
  path: `${base}/rotate`,
  operationId: "rotateWebhookSecret",
  tag,
  summary: "Give a webhook a new signing secret; both sign until the overlap is over.",
  who: "owner",
  params: Named,
  body: z.strictObject({ overlap_hours: z.int().min(0).max(168).default(24) }),
  status: 200,
  response: z.strictObject({ name: z.string(), secret: Secret, previous_secret_until: z.string().nullable() }),
  errors: ["not_owner"],
  handler(call) {
    const { secret_ref, secrets } = sealedSecret(call)
    const { name } = call.params
    const data = { name, ...call.body, secret_ref }
    return write(call, { type: "RotateWebhookSecret", data, asked: { name, ...call.body }, secrets }, async (done) => ({
      body: {
        name,
        ...(await storedSecret(call, done)),
        previous_secret_until: ownObject(call, "webhook", name).previous_until,
      },
      secret: true,
    }))
  },
})

const replay = endpoint({
  method: "POST",
  path: `${base}/replay`,
  operationId: "replayWebhook",
  tag,
  summary: "Deliver again from a position on. Messages keep their ids: whoever drops repeats will drop these.",
  who: "owner",
  params: Named,
  body: z.strictObject({ from: Position.describe("First position.") }),
  status: 200,
  response: WebhookDetail,
  errors: ["not_owner"],
  handler: (call) =>
    write(call, { type: "ReplayWebhook", data: { ...call.params, ...call.body } }, () => shown(call, call.params.name)),
})

const retry = endpoint({
  method: "POST",
  path: `${base}/retry`,
  operationId: "retryWebhookDelivery",
  tag,
  summary: "Try one dead letter again, once.",
  who: "owner",
  params: Named,
  body: z.strictObject({ position: Position.describe("Of the event that was not delivered.") }),
  status: 200,
  response: WebhookDetail,
  errors: ["not_owner"],
  handler: (call) =>
    write(call, { type: "RetryWebhookDelivery", data: { ...call.params, ...call.body } }, () =>
      shown(call, call.params.name),
    ),
})

/** Endpoints about what a webhook delivers. */
export const webhookWorkEndpoints = [test, rotate, replay, retry]
