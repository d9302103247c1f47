import type { AuthorizationServer } from "./authorization-server.ts"
import type { Client } from "../events/oauth-client.ts"
import { OAuthError } from "./oauth-error.ts"
import type { Parameters } from "./parameters.ts"
import { challengeOf, requireVerifier } from "./pkce.ts"
import { grantedFacts, type GrantedFacts, issueTokens, waitForGrant } from "./token-response.ts"
import { namedResources } from "./requested-resource.ts"
import { randomSecret } from "../platform/ids.ts"
import { revokeGrant } from "./grant-revocation.ts"

const lifetimeMs = 60_000
/** A used code is recognised this long; its second use ends the grant. */
const rememberMs = 600_000

/** What a code is bound to besides its grant. */
interface CodeRequest {
  readonly redirect_uri: string
  readonly redirect_uri_given: boolean
  readonly challenge: string
  /** Key that the authorization request promised (RFC 9449 §10); null = any or none. */
  readonly jkt: string | null
}

/** Stores a code for a grant. @param refreshable its redemption starts a refresh family */
export async function mintCode(
  server: AuthorizationServer,
  clientId: string,
  { redirect_uri, redirect_uri_given, challenge, jkt }: CodeRequest,
  facts: GrantedFacts,
  refreshable: boolean,
): Promise<string> {
  const code = `${facts.grant_id}.${randomSecret()}`
  const record = {
    client_id: clientId,
    redirect_uri,
    redirect_uri_given,
    code_challenge: challenge,
    jkt: jkt ?? "",
    resources: facts.resources,
    expires: server.clock().getTime() + lifetimeMs,
    family_ttl: refreshable ? server.config.OAUTH_REFRESH_TOKEN_LIFETIME * 1000 : 0,
    value: JSON.stringify(facts),
  }
  await server.ttl.putCode(code, record, lifetimeMs)
  return code
}

/** `grant_type=authorization_code` (RFC 6749 §4.1.3). @throws OAuthError */
export async function redeemCode(
  server: AuthorizationServer,
  client: Client,
  parameters: Parameters,
  jkt: string | undefined,
): Promise<Response> {
  if (!client.metadata.grant_types.includes("authorization_code"))
    throw new OAuthError("unauthorized_client", "the client did not register this grant")
  const code = parameters.get("code")
  if (code === undefined) throw new OAuthError("invalid_request", "code is required")
  const verifier = requireVerifier(parameters.get("code_verifier"))
  const resources = namedResources(server, parameters)
  const family = code.split(".")[0]!
  // Whatever could make this node refuse for the moment comes before the one step that uses the code up.
  await waitForGrant(server, await grantPosition(server, code))
  await server.signingKeys.signer()
  const bindings = {
    client_id: client.client_id,
    redirect_uri: parameters.get("redirect_uri") ?? "",
    code_challenge: challengeOf(verifier),
    resources,
    jkt: jkt ?? "",
    bind: client.metadata.token_endpoint_auth_method === "none",
  }
  const redemption = await server.ttl.redeemCode(code, family, bindings, server.clock().getTime(), rememberMs)
  switch (redemption.status) {
    case "unknown":
      throw refused()
    case "refused":
      server.log.warning("oauth_code_refused", { client_id: client.client_id, binding: redemption.binding })
      if (redemption.binding === "resource") throw new OAuthError("invalid_target", "a resource was not authorized")
      throw refused()
    case "used":
      await revokeGrant(server, grantedFacts(redemption.value).grant_id, "code_reuse")
      throw refused()
    case "redeemed":
      server.crash("oauth.codeRedeemed")
      return issueTokens(server, client, grantedFacts(redemption.value), { resources, generation: 1, jkt })
  }
}

/** One answer for every reason, so that a code's state cannot be probed. */
function refused(): OAuthError {
  return new OAuthError("invalid_grant", "the code is unknown, expired, used, or not for this request")
}

async function grantPosition(server: AuthorizationServer, code: string): Promise<number> {
  const record = (await server.ttl.peek("code", code)) as { value: string } | undefined
  return record === undefined ? 0 : grantedFacts(record.value).position
}
