import type { Handler } from "./authorization-server.ts"
import { assertionAlgorithms } from "./client-assertion.ts"
import { assertionGrant, deviceGrant } from "../events/oauth-client.ts"
import { proofAlgorithms } from "../projections/dpop-proof.ts"
import { responseModes } from "./authorization-response.ts"
import { supportedScopes } from "./granted-scope.ts"

/** Authorization server metadata (RFC 8414 §2): only members for what exists. The OpenID spelling is an alias for discovery. */
export const metadata: Handler = (server) => {
  const { issuer } = server
  const confidential = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
  const assertions = server.trustedIssuers.size > 0 ? [assertionGrant] : []
  const methods = [...confidential, "none"]
  const document = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    ...(server.config.OAUTH_REGISTRATION && { registration_endpoint: `${issuer}/register` }),
    revocation_endpoint: `${issuer}/revoke`,
    introspection_endpoint: `${issuer}/introspect`,
    device_authorization_endpoint: `${issuer}/device_authorization`,
    jwks_uri: `${issuer}/jwks`,
    service_documentation: `${issuer}/`,
    scopes_supported: supportedScopes(server),
    response_types_supported: ["code"],
    response_modes_supported: responseModes,
    grant_types_supported: ["authorization_code", "refresh_token", "client_credentials", deviceGrant, ...assertions],
    token_endpoint_auth_methods_supported: methods,
    token_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    revocation_endpoint_auth_methods_supported: methods,
    revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    introspection_endpoint_auth_methods_supported: confidential,
    introspection_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    code_challenge_methods_supported: ["S256"],
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: true,
    dpop_signing_alg_values_supported: proofAlgorithms,
    resource_indicators_supported: true,
  }
  return Response.json(document, { headers: { "cache-control": "public, max-age=300" } })
}
