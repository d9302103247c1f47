import { type Client, deviceGrant } from "../events/oauth-client.ts"
import { ScopeToken } from "../events/values.ts"
import { clientKeysProblem } from "../events/client-keys.ts"
import { redirectUrisProblem } from "../events/redirect-uri.ts"

/** One member of a client's metadata and what is wrong with it. */
export interface MetadataProblem {
  readonly member: string
  readonly message: string
}

const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u
const webAddress = /^https?:\/\/[^\s]+$/

/**
 * What keeps a client's metadata from being used as it stands, or undefined (RFC 7591 §2).
 * @param secretHash of the client's secret; null when it has none
 */
export function clientMetadataProblem(
  metadata: Client["metadata"],
  secretHash: string | null,
): MetadataProblem | undefined {
  const { redirect_uris, application_type, client_name, scope, token_endpoint_auth_method: method } = metadata
  const problem = (member: string, message: string | undefined) =>
    message === undefined ? undefined : { member, message }
  return (
    problem(
      "client_name",
      client_name !== undefined && invisible.test(client_name) ? "has invisible characters" : undefined,
    ) ??
    problem("redirect_uris", redirectUrisProblem(redirect_uris, application_type)) ??
    grantProblem(metadata) ??
    problem(
      "scope",
      scope?.split(" ").every((token) => ScopeToken.safeParse(token).success) === false
        ? "must be a list of scope tokens"
        : undefined,
    ) ??
    problem("token_endpoint_auth_method", secretProblem(method, secretHash)) ??
    problem("jwks", keysProblem(metadata)) ??
    addressProblem(metadata)
  )
}

/** Redirects and the code grant need each other; a client that acts for itself must be able to keep a secret. */
function grantProblem({
  grant_types,
  redirect_uris,
  response_types,
  token_endpoint_auth_method: method,
}: Client["metadata"]): MetadataProblem | undefined {
  const redirects = grant_types.includes("authorization_code")
  if (redirects !== redirect_uris.length > 0)
    return {
      member: "redirect_uris",
      message: redirects ? "must name a redirect URI" : "are for the authorization_code grant",
    }
  if (redirects !== response_types.includes("code"))
    return { member: "response_types", message: "must fit grant_types" }
  if (grant_types.includes("client_credentials") && method === "none")
    return { member: "grant_types", message: "client_credentials needs a confidential client" }
  if (grant_types.includes("refresh_token") && !redirects && !grant_types.includes(deviceGrant))
    return { member: "grant_types", message: "refresh_token needs a grant that issues such tokens" }
  return undefined
}

function secretProblem(
  method: Client["metadata"]["token_endpoint_auth_method"],
  secretHash: string | null,
): string | undefined {
  const needs = method === "client_secret_basic" || method === "client_secret_post"
  if (needs === (secretHash !== null)) return undefined
  return needs ? "needs a secret" : "has no secret"
}

function keysProblem({ jwks, jwks_uri, token_endpoint_auth_method: method }: Client["metadata"]): string | undefined {
  if (jwks !== undefined && jwks_uri !== undefined) return "jwks and jwks_uri exclude each other"
  if (method === "private_key_jwt" && jwks === undefined && jwks_uri === undefined) return "private_key_jwt needs keys"
  return jwks === undefined ? undefined : clientKeysProblem(jwks)
}

function addressProblem({ jwks_uri, client_uri, logo_uri }: Client["metadata"]): MetadataProblem | undefined {
  if (jwks_uri !== undefined && !jwks_uri.startsWith("https://"))
    return { member: "jwks_uri", message: "must be an https URL" }
  for (const [member, uri] of Object.entries({ client_uri, logo_uri }))
    if (uri !== undefined && (!webAddress.test(uri) || !URL.canParse(uri)))
      return { member, message: "must be a web address" }
  return undefined
}
