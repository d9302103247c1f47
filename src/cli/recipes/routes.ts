import { type Recipe, argument, choice, optional, required } from "../recipe.ts"
import { listing } from "./listing.ts"
import type { Session } from "../session.ts"
import { fieldsOf } from "./proxies.ts"
import { words } from "../value.ts"

const group = "routes"

type Args = Readonly<Record<string, string>>

const list = listing({
  name: "route-list",
  group,
  doc: "List all routes in the order of matching",
  operationId: "listRoutes",
  collection: "routes",
})

const show: Recipe = {
  name: "route-show",
  group,
  doc: "Show a route",
  parameters: [required("route-id")],
  async run(session, args) {
    const params = { route_id: argument(args, "route-id") }
    session.show(await session.call("getRoute", { params, token: await session.token("") }))
  },
}

const create: Recipe = {
  name: "route-create",
  group,
  doc: "Create a route; target-type is port, instance, hostname, url or service",
  parameters: [
    required("path"),
    required("target-type"),
    required("target-value"),
    required("token"),
    optional("priority", "50"),
    optional("methods", "*"),
    choice("is-regex", false),
    optional("description"),
  ],
  async run(session, args) {
    const body = {
      ...fieldsOf("createRoute", [
        `target_value=${argument(args, "target-value")}`,
        `priority=${argument(args, "priority")}`,
      ]),
      path_pattern: argument(args, "path"),
      target_type: argument(args, "target-type"),
      methods: words(argument(args, "methods")),
      is_regex: argument(args, "is-regex") === "true",
      description: argument(args, "description"),
    }
    session.show(await session.call("createRoute", { body, token: await session.token(argument(args, "token")) }))
  },
}

const update: Recipe = {
  name: "route-update",
  group,
  doc: "Change settings of a route: key=value, for example priority=80",
  parameters: [required("route-id"), required("token")],
  options: true,
  async run(session, args, options) {
    session.show(
      await session.call("updateRoute", { ...(await input(session, args)), body: fieldsOf("updateRoute", options) }),
    )
  },
}

const remove: Recipe = {
  name: "route-delete",
  group,
  doc: "Delete a route; asks first",
  parameters: [required("route-id"), required("token")],
  async run(session, args) {
    const call = await input(session, args)
    const { body } = await session.call("getRoute", call)
    await session.confirm(
      `The route ${call.params.route_id} (${body["path_pattern"] as string} → ${body["target_type"] as string} ${body["target_value"] as string}) will be deleted.`,
    )
    await session.call("deleteRoute", { ...call, query: { force: session.on("force") } })
    session.terminal.error(`${call.params.route_id} is deleted.\n`)
  },
}

async function input(session: Session, args: Args) {
  return {
    params: { route_id: argument(args, "route-id") },
    token: await session.token(argument(args, "token")),
    ifMatch: session.flag("if-match"),
  }
}

const switched = (name: string, doc: string, operationId: string): Recipe => ({
  name,
  group,
  doc,
  parameters: [required("route-id"), required("token")],
  async run(session, args) {
    session.show(await session.call(operationId, await input(session, args)))
  },
})

/** Recipes about routes. */
export const routeRecipes: readonly Recipe[] = [
  list,
  show,
  create,
  update,
  remove,
  switched("route-enable", "Switch a route on", "enableRoute"),
  switched("route-disable", "Switch a route off", "disableRoute"),
]
