import type { AuthorizationServer, Handler } from "./authorization-server.ts"
import type { H3Event } from "h3"
import { limit } from "./limits.ts"
import { OAuthError } from "./oauth-error.ts"
import { clientCredentials } from "./client-credentials.ts"
import { type Client, assertionGrant, deviceGrant } from "../events/oauth-client.ts"
import { redeemIdentityAssertion } from "./identity-assertion.ts"
import { provenKey } from "./dpop.ts"
import { pollDevice } from "./device-grant.ts"
import { authenticateClient } from "./client-authentication.ts"
import { type Parameters, formOrJsonParameters } from "./parameters.ts"
import { redeemCode } from "./authorization-code.ts"
import { refresh } from "./refresh-grant.ts"
import { tallyTokenFailure } from "./tally.ts"
import { about } from "./outcome.ts"

/** `POST /token`: the token endpoint (RFC 6749 §3.2). */
export const token: Handler = async (server, event) => {
  const parameters = await formOrJsonParameters(event)
  parameters.requireSingle()
  await limit(server, event, "token", parameters.get("client_id"))
  const client = await authenticateClient(server, event.req.headers.get("authorization"), parameters)
  try {
    return await issue(server, event, client, parameters)
  } catch (error) {
    tallyTokenFailure(server, client.client_id, error)
    throw error instanceof Error ? about(error, { client_id: client.client_id }) : error
  }
}

async function issue(
  server: AuthorizationServer,
  event: H3Event,
  client: Client,
  parameters: Parameters,
): Promise<Response> {
  const jkt = await provenKey(server, event, client)
  switch (parameters.get("grant_type")) {
    case undefined:
      throw new OAuthError("invalid_request", "grant_type is required")
    case "authorization_code":
      return redeemCode(server, client, parameters, jkt)
    case "refresh_token":
      return refresh(server, client, parameters, jkt)
    case "client_credentials":
      return clientCredentials(server, client, parameters, jkt)
    case assertionGrant:
      if (server.trustedIssuers.size === 0) throw new OAuthError("unsupported_grant_type", "this grant is not offered")
      return redeemIdentityAssertion(server, client, parameters, jkt)
    case deviceGrant:
      return pollDevice(server, client, parameters, jkt)
    default:
      throw new OAuthError("unsupported_grant_type", "this grant is not offered")
  }
}
