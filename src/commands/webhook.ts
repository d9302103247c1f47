import * as z from "zod"
import { type Webhook, WebhookFilter, WebhookName } from "../events/webhook.ts"
import { type World, all, find } from "../events/world.ts"
import { type Context, command, equal, existing, fact, invalid, requireOwner } from "./decision.ts"
import { nextOwner, ownerOf } from "./ownership.ts"
import { GatehouseError } from "../errors.ts"
import { SecretRef } from "../events/values.ts"
import { aggregates } from "../events/event.ts"
import { checkAddress } from "./target.ts"
import { classifyAddress, parseAddress } from "../events/target-address.ts"

/** Webhooks of one owner: each reads the whole log. */
const mostOfOwner = 20
const hour = 3_600_000

const Url = z.string().trim().min(1).max(2048)
const Owner = z.string().max(64)
const From = z.int().min(1)

/** A new webhook as its caller describes it. */
export const WebhookRequest = z.strictObject({
  name: WebhookName,
  url: Url.describe("https; http only for a private address that may be used. Without a query."),
  description: z.string().max(500).default(""),
  filter: WebhookFilter.default({}),
  from: From.optional().describe("First position to deliver; without it, what happens from now on."),
  owner: Owner.optional(),
})

/** What can be changed of a webhook. */
export const WebhookChanges = z
  .strictObject({
    url: Url,
    description: z.string().max(500),
    filter: WebhookFilter,
    enabled: z.boolean().describe("false stops delivery; true goes on where it stopped."),
  })
  .partial()

const webhook = ({ name }: { name: string }) => ({ kind: "webhook" as const, id: name })
const Named = z.strictObject({ name: WebhookName })

/** The webhook, if the caller may change it. @throws GatehouseError `not_found`, `not_owner` */
function own(name: string, world: World, context: Context): Webhook {
  const state = existing(find(world, "webhook", name), `webhook ${name}`)
  requireOwner(context, state.owner)
  return state
}

const CreateWebhook = command(
  WebhookRequest.extend({ webhook_id: z.uuid(), secret_ref: SecretRef }),
  webhook,
  (data, world, context) => {
    const owner = ownerOf(data.owner, world, context)
    if (find(world, "webhook", data.name) !== undefined)
      throw new GatehouseError("already_exists", `there is a webhook ${data.name} already`)
    refuseMany(owner, world)
    const created = {
      ...data,
      owner,
      url: checkUrl(data.url, owner, world, context),
      filter: checkFilter(data.filter),
      created_by: context.actor.name,
      from: checkFrom(data.from ?? world.position + 1, world),
    }
    return { events: [fact("webhook", data.name, "WebhookCreated", created)], result: { name: data.name } }
  },
)

const UpdateWebhook = command(
  Named.extend({ changes: WebhookChanges, owner: Owner.optional() }),
  webhook,
  ({ name, changes, owner: asked }, world, context) => {
    const state = own(name, world, context)
    const owner = nextOwner(asked, state.owner, world, context)
    if (owner !== state.owner) refuseMany(owner, world)
    // The address is judged again with every change: what its owner may reach may have changed since.
    checkUrl(changes.url ?? state.url, owner, world, context)
    if (changes.filter !== undefined) checkFilter(changes.filter)
    const fields = Object.entries(changes).filter(([field, value]) => !equal(value, state[field as keyof Webhook]))
    const reassigned = owner === state.owner ? [] : [fact("webhook", name, "WebhookReassigned", { owner })]
    const updated =
      fields.length === 0 ? [] : [fact("webhook", name, "WebhookUpdated", Object.fromEntries(fields) as typeof changes)]
    return { events: [...reassigned, ...updated] }
  },
)

const RotateWebhookSecret = command(
  Named.extend({ secret_ref: SecretRef, overlap_hours: z.int().min(0).max(168).default(24) }),
  webhook,
  ({ name, secret_ref, overlap_hours }, world, context) => {
    own(name, world, context)
    const previous_until = new Date(Date.parse(context.now) + overlap_hours * hour).toISOString()
    return { events: [fact("webhook", name, "WebhookSecretRotated", { secret_ref, previous_until })] }
  },
)

const ReplayWebhook = command(Named.extend({ from: From }), webhook, ({ name, from }, world, context) => {
  own(name, world, context)
  return { events: [fact("webhook", name, "WebhookReplayRequested", { from: checkFrom(from, world) })] }
})

const RetryWebhookDelivery = command(
  Named.extend({ position: From }),
  webhook,
  ({ name, position }, world, context) => {
    const letter = own(name, world, context).dead_letters.find((one) => one.position === position)
    if (letter === undefined) throw new GatehouseError("not_found", `${name} has no dead letter ${position}`)
    return { events: letter.retry ? [] : [fact("webhook", name, "WebhookRetryRequested", { position })] }
  },
)

const DeleteWebhook = command(Named, webhook, ({ name }, world, context) => {
  own(name, world, context)
  return { events: [fact("webhook", name, "WebhookDeleted", { name })] }
})

function refuseMany(owner: string, world: World): void {
  if ([...all(world, "webhook")].filter((other) => other.owner === owner).length >= mostOfOwner)
    throw new GatehouseError("invalid_state", `a token may own ${mostOfOwner} webhooks`)
}

/**
 * As a target of the owner's, whoever asks; and nothing leaves the machine's own networks in clear. Names are judged again at
 * each dial.
 */
function checkUrl(value: string, owner: string, world: World, context: Context): string {
  const actor = { ...context.actor, admin: owner === "admin" }
  const url = checkAddress("url", value, world, { ...context, actor })
  const { protocol, hostname } = new URL(url)
  const address = hostname.replace(/^\[|\]$/g, "")
  if (protocol === "http:" && parseAddress(address) !== undefined && classifyAddress(address) === "public")
    throw invalid("url", "must be https")
  return url
}

function checkFilter(filter: z.infer<typeof WebhookFilter>): z.infer<typeof WebhookFilter> {
  const types = new Set(Object.values(aggregates).flatMap(({ events }) => Object.keys(events)))
  const unknown = filter.types?.find((type) => !types.has(type))
  if (unknown !== undefined) throw invalid("filter.types", `there is no event type ${unknown.slice(0, 64)}`)
  const kind = filter.aggregates?.find((name) => !Object.hasOwn(aggregates, name.split("/")[0]!))
  if (kind !== undefined) throw invalid("filter.aggregates", `there is no kind ${kind.slice(0, 64)}`)
  return filter
}

function checkFrom(from: number, { position }: World): number {
  if (from > position + 1) throw invalid("from", `the log ends at position ${position}`)
  return from
}

/** Commands about webhooks. */
export const webhookCommands = {
  CreateWebhook,
  UpdateWebhook,
  RotateWebhookSecret,
  ReplayWebhook,
  RetryWebhookDelivery,
  DeleteWebhook,
} as const
