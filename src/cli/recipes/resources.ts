import { type Recipe, argument, optional, required } from "../recipe.ts"
import { listing } from "./listing.ts"
import { CliFailure } from "../failure.ts"
import { words } from "../value.ts"

const group = "resources"

const register: Recipe = {
  name: "resource-register",
  group,
  doc: "Register a protected resource: its URI becomes an audience that the proxy accepts",
  parameters: [required("uri"), required("proxy"), required("name"), optional("scopes", "mcp:read mcp:write")],
  async run(session, args) {
    const body = {
      uri: argument(args, "uri"),
      proxy_target: argument(args, "proxy"),
      name: argument(args, "name"),
      scopes: words(argument(args, "scopes")),
    }
    session.show(await session.call("registerResource", { body, token: await session.token("") }))
  },
}

const list = listing({
  name: "resource-list",
  group,
  doc: "List all protected resources",
  operationId: "listResources",
  collection: "resources",
})

const show: Recipe = {
  name: "resource-show",
  group,
  doc: "Show a protected resource; a bare host is its origin",
  parameters: [required("uri")],
  async run(session, args) {
    const params = { uri: argument(args, "uri") }
    session.show(await session.call("getResource", { params, token: await session.token("") }))
  },
}

const validate: Recipe = {
  name: "resource-validate",
  group,
  doc: "Check an access token against a protected resource; fails unless it is valid",
  parameters: [required("uri"), required("token")],
  async run(session, args) {
    const params = { uri: argument(args, "uri") }
    const body = { token: argument(args, "token") }
    const reply = await session.call("validateResourceToken", { params, body, token: await session.token("") })
    session.show(reply)
    if (reply.body["valid"] !== true) throw new CliFailure("apiError", `not_valid: ${String(reply.body["reason"])}`)
  },
}

/** Recipes about the registry of resources. */
export const resourceRecipes: readonly Recipe[] = [register, list, show, validate]
