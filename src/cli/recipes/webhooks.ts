import { type Recipe, argument, optional, required } from "../recipe.ts"
import { listing } from "./listing.ts"
import { CliFailure } from "../failure.ts"
import type { Session } from "../session.ts"
import { words } from "../value.ts"

const group = "webhooks"
const name = [required("name"), optional("token")]

async function called(session: Session, operationId: string, args: Readonly<Record<string, string>>, body?: unknown) {
  const token = await session.token(argument(args, "token"))
  const params = { name: argument(args, "name") }
  return session.call(operationId, {
    params,
    token,
    ifMatch: session.flag("if-match"),
    ...(body !== undefined && { body }),
  })
}

/** Recipe that calls one operation about a webhook and shows the answer. */
function about(recipe: string, operationId: string, doc: string): Recipe {
  return {
    name: recipe,
    group,
    doc,
    parameters: name,
    run: async (session, args) => session.show(await called(session, operationId, args)),
  }
}

const filterFields = ["types", "aggregates", "names", "actors"]

/** Fields of a webhook from `key=value`: its own, and those of its filter. */
function fields(options: readonly string[]): Record<string, unknown> {
  const pairs = options.filter((option) => option !== "").map(pair)
  const filter = pairs.filter(([key]) => filterFields.includes(key)).map(([key, value]) => [key, words(value)])
  const own = pairs.filter(([key]) => !filterFields.includes(key)).map(([key, value]) => [key, typed(key, value)])
  return { ...Object.fromEntries(own), ...(filter.length > 0 && { filter: Object.fromEntries(filter) }) }
}

function typed(key: string, value: string): unknown {
  if (key === "from") return Number(value)
  return key === "enabled" ? value === "true" : value
}

function pair(text: string): [string, string] {
  const at = text.indexOf("=")
  if (at < 1) throw new CliFailure("usage", `usage: ${text} is not key=value`)
  return [text.slice(0, at), text.slice(at + 1)]
}

const create: Recipe = {
  name: "webhook-create",
  group,
  doc: "Send events to an address as they happen; prints the secret once. types= aggregates= names= actors= from= description=",
  parameters: [required("name"), required("url"), required("token")],
  options: true,
  async run(session, args, options) {
    const body = { name: argument(args, "name"), url: argument(args, "url"), ...fields(options) }
    session.show(await session.call("createWebhook", { body, token: await session.token(argument(args, "token")) }))
  },
}

const list = listing({
  name: "webhook-list",
  group,
  doc: "List the webhooks",
  operationId: "listWebhooks",
  collection: "webhooks",
  token: true,
})

const update: Recipe = {
  name: "webhook-update",
  group,
  doc: "Change a webhook: url= description= enabled= types= aggregates= names= actors= (a filter is replaced whole)",
  parameters: [required("name"), required("token")],
  options: true,
  async run(session, args, options) {
    session.show(await called(session, "updateWebhook", args, fields(options)))
  },
}

const remove: Recipe = {
  name: "webhook-delete",
  group,
  doc: "Delete a webhook; asks first",
  parameters: [required("name"), required("token")],
  async run(session, args) {
    const { body } = await called(session, "getWebhook", args)
    await session.confirm(`The webhook ${argument(args, "name")} (${body["url"] as string}) will be deleted.`)
    await called(session, "deleteWebhook", args)
    session.terminal.error(`${argument(args, "name")} is deleted.\n`)
  },
}

const rotate: Recipe = {
  name: "webhook-rotate",
  group,
  doc: "New secret, printed once; the old one signs as well for so many hours",
  parameters: [...name, optional("overlap-hours", "24")],
  async run(session, args) {
    const body = { overlap_hours: Number(argument(args, "overlap-hours")) }
    session.show(await called(session, "rotateWebhookSecret", args, body))
  },
}

const replay: Recipe = {
  name: "webhook-replay",
  group,
  doc: "Deliver again from a position on",
  parameters: [required("name"), required("from"), optional("token")],
  async run(session, args) {
    session.show(await called(session, "replayWebhook", args, { from: Number(argument(args, "from")) }))
  },
}

const retry: Recipe = {
  name: "webhook-retry",
  group,
  doc: "Try one dead letter again, by its position",
  parameters: [required("name"), required("position"), optional("token")],
  async run(session, args) {
    session.show(await called(session, "retryWebhookDelivery", args, { position: Number(argument(args, "position")) }))
  },
}

/** Recipes about webhooks. */
export const webhookRecipes: readonly Recipe[] = [
  create,
  list,
  about("webhook-show", "getWebhook", "Show a webhook, how far it was served, and what could not be delivered"),
  update,
  remove,
  about("webhook-test", "testWebhook", "Send a signed test message now and say what came of it"),
  rotate,
  replay,
  retry,
]
