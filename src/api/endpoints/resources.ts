import * as z from "zod"
import { type Call, endpoint } from "../endpoint.ts"
import { ResourceFields, ResourceRequest, resourceId } from "../../commands/resource.ts"
import { ResourceView, resourceView } from "../../projections/views/resource.ts"
import { TokenValidity, validity } from "../token-validity.ts"
import { flag, listOf, listPage, listQuery } from "../list.ts"
import { mayRead, ownObject } from "../access.ts"
import { versionOf, write } from "../write.ts"
import { GatehouseError } from "../../errors.ts"
import type { Resource } from "../../events/resource.ts"
import { all } from "../../events/world.ts"

const tag = "resources"
const base = "/api/v1/resources"

/** The URI stands percent-encoded or with its slashes in the path, or in `?uri=`; a bare host is its origin. */
const Named = z.strictObject({ uri: z.string().min(1).max(4096) })

/** The caller's resource. @throws GatehouseError `not_found`, `not_owner` */
function ownResource(call: Call<z.infer<typeof Named>>): Resource {
  const uri = resourceId(call.params.uri, call.api.config.publicHttpsPort)
  if (uri === undefined)
    throw new GatehouseError("not_found", "this is no URI of a resource: give it as the list shows it")
  return ownObject(call, "resource", uri)
}

function shown(call: Call, uri: string) {
  const view = resourceView(ownObject(call, "resource", uri), call.api.projections.world)
  return { body: view, version: versionOf(call, "resource", uri) }
}

const listResources = endpoint({
  method: "GET",
  path: base,
  operationId: "listResources",
  tag,
  summary: "List protected resources: the caller's own, or all for an administrator.",
  who: "any",
  query: listQuery(["uri", "name", "proxy_target", "created_at"]),
  status: 200,
  response: listOf("resources", ResourceView),
  handler({ api, caller, query }) {
    const { world } = api.projections
    const found = [...all(world, "resource")].filter(({ owner }) => mayRead(caller, owner))
    return {
      body: listPage(
        "resources",
        found,
        query,
        (resource) => resource[query.sort_by],
        ({ uri }) => uri,
        (resource) => resourceView(resource, world),
      ),
    }
  },
})

const registerResource = endpoint({
  method: "POST",
  path: base,
  operationId: "registerResource",
  tag,
  summary: "Register a protected resource (RFC 8707): its URI becomes an audience that its proxy accepts.",
  who: "any",
  body: ResourceRequest,
  status: 201,
  response: ResourceView,
  errors: ["already_exists", "not_owner", "resource_host_mismatch", "forbidden_target", "admin_required"],
  handler: (call) =>
    write<{ uri: string }>(call, { type: "RegisterResource", data: call.body }, ({ result }) => ({
      ...shown(call, result.uri),
      headers: { location: `${base}/${encodeURIComponent(result.uri)}` },
    })),
})

const showResource = endpoint({
  method: "GET",
  path: `${base}/{uri}`,
  operationId: "getResource",
  tag,
  summary: "Show a protected resource.",
  who: "owner",
  params: Named,
  status: 200,
  response: ResourceView,
  errors: ["not_owner"],
  handler: (call) => shown(call, ownResource(call).uri),
})

const updateResource = endpoint({
  method: "PUT",
  path: `${base}/{uri}`,
  operationId: "updateResource",
  tag,
  summary: "Change a protected resource; what is left out stays.",
  who: "owner",
  params: Named,
  body: ResourceFields.partial().extend({ owner: z.string().max(64).optional() }),
  unknownField: (name) => (name === "uri" ? "cannot be changed; register another resource" : undefined),
  status: 200,
  response: ResourceView,
  errors: ["not_owner", "resource_host_mismatch", "forbidden_target", "admin_required"],
  handler(call) {
    const { uri } = ownResource(call)
    const { owner, ...changes } = call.body
    return write(call, { type: "UpdateResource", data: { uri, changes, owner } }, () => shown(call, uri))
  },
})

const deleteResource = endpoint({
  method: "DELETE",
  path: `${base}/{uri}`,
  operationId: "deleteResource",
  tag,
  summary: "Take a resource out of the registry: tokens for its URI are refused from then on.",
  who: "owner",
  params: Named,
  status: 204,
  response: z.undefined(),
  errors: ["not_owner"],
  handler: (call) => write(call, { type: "DeleteResource", data: { uri: ownResource(call).uri } }, () => ({})),
})

const validateToken = endpoint({
  method: "POST",
  path: `${base}/{uri}/validate-token`,
  operationId: "validateResourceToken",
  tag,
  summary: "Say whether an access token opens a resource, and why not. The token is neither logged nor recorded.",
  who: "owner",
  params: Named,
  body: z.strictObject({
    token: z.string().min(1).max(16_384),
    scopes: z.array(z.string().min(1).max(64)).max(32).default([]).describe("Scopes that it must have."),
  }),
  status: 200,
  response: TokenValidity,
  errors: ["not_owner"],
  handler: (call) => ({ body: validity(call.api, ownResource(call), call.body.token, call.body.scopes), secret: true }),
})

const DryRun = flag(false)

const autoRegister = endpoint({
  method: "POST",
  path: `${base}/auto-register`,
  operationId: "autoRegisterResources",
  tag,
  summary: "Register the resource of every MCP proxy with auth that is not registered yet.",
  who: "admin",
  query: z.strictObject({ dry_run: DryRun }),
  body: z.strictObject({ dry_run: z.boolean().optional() }),
  status: 200,
  response: z.strictObject({
    registered: z.array(z.string()),
    skipped: z.array(z.strictObject({ host: z.string(), reason: z.string() })),
    count: z.int(),
  }),
  handler(call) {
    const dry_run = call.body.dry_run ?? call.query.dry_run
    return write<object>(call, { type: "AutoRegisterResources", data: { dry_run } }, ({ result }) => ({ body: result }))
  },
})

/** Endpoints about the registry of resources. */
export const resourceEndpoints = [
  listResources,
  registerResource,
  autoRegister,
  showResource,
  updateResource,
  deleteResource,
  validateToken,
]
