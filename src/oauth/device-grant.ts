import { deviceHandle, deviceState } from "./device-code.ts"
import { grantedFacts, issueTokens, waitForGrant } from "./token-response.ts"
import type { AuthorizationServer } from "./authorization-server.ts"
import { type Client, deviceGrant } from "../events/oauth-client.ts"
import { OAuthError } from "./oauth-error.ts"
import type { Parameters } from "./parameters.ts"
import { namedResources } from "./requested-resource.ts"

/** The device grant at the token endpoint (RFC 8628 §3.4). @throws OAuthError */
export async function pollDevice(
  server: AuthorizationServer,
  client: Client,
  parameters: Parameters,
  jkt: string | undefined,
): Promise<Response> {
  if (!client.metadata.grant_types.includes(deviceGrant))
    throw new OAuthError("unauthorized_client", "the client did not register this grant")
  const code = parameters.get("device_code")
  if (code === undefined) throw new OAuthError("invalid_request", "device_code is required")
  const device = deviceHandle(code)
  const state = await deviceState(server, device)
  if (state === undefined || state.request.client_id !== client.client_id) throw unknown()
  const resources = namedResources(server, parameters)
  if (!resources.every((uri) => state.request.resources.includes(uri)))
    throw new OAuthError("invalid_target", "a resource was not authorized")
  const facts = state.value === undefined ? undefined : grantedFacts(state.value)
  if (facts !== undefined) {
    // Whatever could make this node refuse for the moment comes before the one step that uses the approval up.
    await waitForGrant(server, facts.position)
    await server.signingKeys.signer()
  }
  const bound = client.metadata.token_endpoint_auth_method === "none" ? (jkt ?? "") : ""
  const now = server.clock().getTime()
  const poll = await server.ttl.pollDevice(device, facts?.grant_id ?? "", client.client_id, now, bound)
  switch (poll.status) {
    case "pending":
      throw new OAuthError("authorization_pending", "the person has not decided yet")
    case "slow_down":
      throw new OAuthError("slow_down", `wait ${poll.interval} seconds between two polls`)
    case "denied":
      throw new OAuthError("access_denied", "the person refused", { status: 400 })
    case "expired":
      throw new OAuthError("expired_token", "the person took too long")
    case "unknown":
      throw unknown()
    case "approved":
      return issueTokens(server, client, grantedFacts(poll.value), { resources, generation: 1, jkt })
  }
}

function unknown(): OAuthError {
  return new OAuthError("invalid_grant", "the device code is unknown or used")
}
