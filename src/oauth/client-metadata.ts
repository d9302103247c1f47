import * as z from "zod"
import type { AuthorizationServer } from "./authorization-server.ts"
import { type Client, assertionGrant, deviceGrant } from "../events/oauth-client.ts"
import { clientKeysProblem } from "../events/client-keys.ts"
import { OAuthError } from "./oauth-error.ts"
import { redirectUrisProblem } from "../events/redirect-uri.ts"
import { requestedScopes, supportedScopes } from "./granted-scope.ts"

type Metadata = Client["metadata"]

const shortText = z.string().max(255)
const webAddress = z.url({ protocol: /^https?$/ }).max(2048)

/** What a registration may say (RFC 7591 §2); other members are ignored. */
const Registration = z.object({
  redirect_uris: z.array(z.string()).optional(),
  client_name: z.string().optional(),
  grant_types: z.array(z.string()).max(20).optional(),
  response_types: z.array(z.string()).max(20).optional(),
  token_endpoint_auth_method: z
    .enum(["none", "client_secret_basic", "client_secret_post", "private_key_jwt"])
    .optional(),
  jwks: z.object({ keys: z.array(z.looseObject({})).max(10) }).optional(),
  jwks_uri: webAddress.optional(),
  scope: z.string().optional(),
  application_type: z.enum(["web", "native"]).optional(),
  client_uri: webAddress.optional(),
  logo_uri: webAddress.optional(),
  contacts: z.array(shortText).max(10).optional(),
  software_id: shortText.optional(),
  software_version: shortText.optional(),
  dpop_bound_access_tokens: z.boolean().optional(),
})

/** Grants that a client may ask for by itself. */
const ownGrants = ["authorization_code", "refresh_token", deviceGrant, assertionGrant] as const

/**
 * The metadata to store for a registration request: defaults filled in, what Gatehouse does not have dropped (RFC 7591 §3.2.1).
 * @param defaultMethod how a client authenticates that does not say
 * @throws OAuthError `invalid_redirect_uri`, `invalid_client_metadata`
 */
export function registeredMetadata(
  server: AuthorizationServer,
  body: Record<string, unknown>,
  defaultMethod: "client_secret_basic" | "none" = "client_secret_basic",
): Metadata {
  const parsed = Registration.safeParse(body)
  if (!parsed.success) {
    const member = String(parsed.error.issues[0]?.path[0])
    if (member === "redirect_uris")
      throw new OAuthError("invalid_redirect_uri", "redirect_uris must be a list of strings")
    throw new OAuthError("invalid_client_metadata", `${member} is not acceptable`)
  }
  const { redirect_uris, client_name, grant_types, response_types, scope, token_endpoint_auth_method, jwks, ...rest } =
    parsed.data
  const name = client_name === undefined ? undefined : clientName(client_name)
  const scopes = scope === undefined ? undefined : clientScope(server, scope)
  const grants = grantTypes(grant_types)
  const redirects = grants.includes("authorization_code")
  const method = token_endpoint_auth_method ?? defaultMethod
  return {
    redirect_uris: redirects ? redirectUris(redirect_uris, rest.application_type) : [],
    grant_types: grants,
    response_types: redirects ? responseTypes(response_types) : [],
    token_endpoint_auth_method: method,
    ...clientKeys(method, jwks, rest.jwks_uri),
    ...(name !== undefined && { client_name: name }),
    ...(scopes !== undefined && { scope: scopes }),
    ...present({ ...rest, jwks_uri: undefined }),
  }
}

function redirectUris(uris: readonly string[] | undefined, applicationType: "web" | "native" | undefined): string[] {
  if (uris === undefined || uris.length === 0) throw new OAuthError("invalid_redirect_uri", "redirect_uris is required")
  const problem = redirectUrisProblem(uris, applicationType)
  if (problem !== undefined) throw new OAuthError("invalid_redirect_uri", problem)
  return [...new Set(uris)]
}

function grantTypes(asked: readonly string[] = ["authorization_code"]): Metadata["grant_types"] {
  const known = ownGrants.filter((type) => asked.includes(type))
  if (!known.includes("authorization_code") && !known.includes(deviceGrant))
    throw new OAuthError("invalid_client_metadata", "grant_types must hold authorization_code or the device grant")
  return known
}

function responseTypes(asked: readonly string[] = ["code"]): "code"[] {
  if (!asked.includes("code")) throw new OAuthError("invalid_client_metadata", "response_types must hold code")
  return ["code"]
}

const keyMembers = ["kty", "n", "e", "crv", "x", "y", "kid", "alg", "use"]

/** Public keys of a client that signs its requests; without that method keys are of no use and dropped. */
function clientKeys(
  method: Metadata["token_endpoint_auth_method"],
  jwks: { keys: Record<string, unknown>[] } | undefined,
  uri: string | undefined,
): Pick<Metadata, "jwks" | "jwks_uri"> {
  if (method !== "private_key_jwt") return {}
  if ((jwks === undefined) === (uri === undefined))
    throw new OAuthError("invalid_client_metadata", "private_key_jwt needs either jwks or jwks_uri")
  if (uri !== undefined && !uri.startsWith("https://"))
    throw new OAuthError("invalid_client_metadata", "jwks_uri must be an https URL")
  if (uri !== undefined) return { jwks_uri: uri }
  const problem = clientKeysProblem(jwks)
  if (problem !== undefined) throw new OAuthError("invalid_client_metadata", problem)
  const members = (key: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(key).filter(([name]) => keyMembers.includes(name)))
  return { jwks: { keys: jwks!.keys.map(members) } }
}

/** A name that shows as what it is: no control characters, none that turn the direction of text or have no width. */
function clientName(name: string): string | undefined {
  const clean = name
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "")
    .trim()
  if (clean.length > 100) throw new OAuthError("invalid_client_metadata", "client_name has at most 100 characters")
  return clean === "" ? undefined : clean
}

/** The known part of a scope list; undefined, which restricts nothing, when that is empty. */
function clientScope(server: AuthorizationServer, scope: string): string | undefined {
  const supported = supportedScopes(server)
  try {
    return (
      requestedScopes(scope)
        .filter((token) => supported.includes(token))
        .join(" ") || undefined
    )
  } catch (error) {
    if (error instanceof OAuthError) throw new OAuthError("invalid_client_metadata", error.message)
    throw error
  }
}

type Present<T> = { [K in keyof T]: Exclude<T[K], undefined> }

function present<T extends object>(value: T): Partial<Present<T>> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Partial<Present<T>>
}
