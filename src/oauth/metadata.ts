import type { Handler } from "./authorization-server.ts"
import { supportedScopes } from "./granted-scope.ts"

/** Authorization server metadata (RFC 8414 §2): only members for what exists. The OpenID spelling is an alias for discovery. */
export const metadata: Handler = (server) => {
  const { issuer } = server
  const clientAuthentication = ["client_secret_basic", "client_secret_post", "none"]
  const document = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    registration_endpoint: `${issuer}/register`,
    revocation_endpoint: `${issuer}/revoke`,
    introspection_endpoint: `${issuer}/introspect`,
    jwks_uri: `${issuer}/jwks`,
    scopes_supported: supportedScopes(server),
    response_types_supported: ["code"],
    response_modes_supported: ["query"],
    grant_types_supported: ["authorization_code", "refresh_token"],
    token_endpoint_auth_methods_supported: clientAuthentication,
    revocation_endpoint_auth_methods_supported: clientAuthentication,
    introspection_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
    code_challenge_methods_supported: ["S256"],
    authorization_response_iss_parameter_supported: true,
    resource_indicators_supported: true,
  }
  return Response.json(document, { headers: { "cache-control": "public, max-age=300" } })
}
