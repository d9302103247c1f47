import type { Handler } from "./authorization-server.ts"
import { limit } from "./limits.ts"
import { OAuthError } from "./oauth-error.ts"
import { authenticateClient } from "./client-authentication.ts"
import { formOrJsonParameters } from "./parameters.ts"
import { redeemCode } from "./authorization-code.ts"
import { refresh } from "./refresh-grant.ts"

/** `POST /token`: the token endpoint (RFC 6749 §3.2). */
export const token: Handler = async (server, event) => {
  const parameters = await formOrJsonParameters(event)
  parameters.requireSingle()
  await limit(server, event, "token", parameters.get("client_id"))
  const client = authenticateClient(server, event.req.headers.get("authorization"), parameters)
  switch (parameters.get("grant_type")) {
    case undefined:
      throw new OAuthError("invalid_request", "grant_type is required")
    case "authorization_code":
      return redeemCode(server, client, parameters)
    case "refresh_token":
      return refresh(server, client, parameters)
    default:
      throw new OAuthError("unsupported_grant_type", "this grant is not offered")
  }
}
