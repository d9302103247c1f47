import type { AuthorizationServer } from "./authorization-server.ts"
import { type RequestedResource, requestedResources } from "./requested-resource.ts"
import { type User, policyFault } from "./user.ts"
import { grantedScope, offlineAccess, scopeFor } from "./granted-scope.ts"
import type { Client } from "../events/oauth-client.ts"
import { OAuthError } from "./oauth-error.ts"
import type { Parameters } from "./parameters.ts"
import { issueTokens } from "./token-response.ts"
import { standingGrantFor } from "./standing-grant.ts"

/**
 * `grant_type=client_credentials` (RFC 6749 §4.4): a confidential client that somebody set up for this acts for itself. Its one
 * grant is what a revocation ends; its tokens are short and are not refreshed.
 * @throws OAuthError
 */
export async function clientCredentials(
  server: AuthorizationServer,
  client: Client,
  parameters: Parameters,
  jkt: string | undefined,
): Promise<Response> {
  requireMachine(client)
  if (parameters.all("resource").length === 0) throw new OAuthError("invalid_target", "resource is required")
  const resources = requestedResources(server, parameters.all("resource"))
  const machine = machineUser(server, client)
  requireReach(server, client, resources, machine)
  const uris = resources.map(({ uri }) => uri)
  const offered = grantedScope(parameters.get("scope"), client, resources).filter((scope) => scope !== offlineAccess)
  const scope = scopeFor(server, machine, client.client_id, offered, uris).join(" ")
  const { grantId, position } = await standingGrantFor(server, client, machine, scope, uris)
  const facts = { grant_id: grantId, position, user: machine, resources: uris }
  return issueTokens(server, client, facts, { resources: uris, scope, generation: null, jkt })
}

/** @throws OAuthError `unauthorized_client` */
function requireMachine({ kind, metadata }: Client): void {
  if (
    kind !== "admin" ||
    !metadata.grant_types.includes("client_credentials") ||
    metadata.token_endpoint_auth_method === "none"
  )
    throw new OAuthError("unauthorized_client", "the client may not act for itself")
}

function machineUser({ clock }: AuthorizationServer, { client_id }: Client): User {
  return {
    provider: "client",
    subject: client_id,
    username: client_id,
    name: null,
    email: null,
    emailVerified: false,
    groups: [],
    authTime: Math.floor(clock().getTime() / 1000),
  }
}

/**
 * A machine reaches the proxies of whoever set it up, and those whose rule names it; an administrator's reaches all. Rules count in
 * any case. @throws OAuthError `invalid_target`
 */
function requireReach(
  server: AuthorizationServer,
  { client_id, owner }: Client,
  resources: readonly RequestedResource[],
  machine: User,
): void {
  const named = ({ proxy }: RequestedResource) =>
    proxy.auth?.auth_required_users?.includes(`client:${client_id}`) === true
  const reached = (resource: RequestedResource) =>
    owner === "admin" || resource.proxy.owner === owner || named(resource)
  const fault = policyFault(
    server,
    machine,
    client_id,
    resources.map(({ uri }) => uri),
  )
  if (resources.length > 0 && resources.every(reached) && fault === undefined) return
  server.log.warning("oauth_machine_refused", { client_id, reason: fault ?? "out_of_reach" })
  throw new OAuthError("invalid_target", "the client may not use this resource")
}
