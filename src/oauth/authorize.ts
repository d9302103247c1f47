import type { AuthorizationServer, Handler } from "./authorization-server.ts"
import { limit } from "./limits.ts"
import { OAuthError, PageError } from "./oauth-error.ts"
import { type Parameters, formParameters, queryParameters } from "./parameters.ts"
import { type ResponseTarget, answering } from "./authorization-response.ts"
import { type Transaction, putTransaction } from "./transaction.ts"
import { DocumentError } from "./document-fetch.ts"
import { documentClient, isDocumentUrl } from "./client-document.ts"
import type { Client } from "../events/oauth-client.ts"
import type { H3Event } from "h3"
import { completeAuthorization } from "./completion.ts"
import { askConsent } from "./consent-page.ts"
import { consented } from "./remembered-consent.ts"
import { currentSession } from "./session.ts"
import { findClient, stands } from "./known-client.ts"
import { requestedResources } from "./requested-resource.ts"
import { grantedScope } from "./granted-scope.ts"
import { matchesRedirectUri } from "../events/redirect-uri.ts"
import { policyFault } from "./user.ts"
import { randomSecret } from "../platform/ids.ts"
import { requireChallenge } from "./pkce.ts"
import { responseModes } from "./authorization-response.ts"

const longestState = 2048

/**
 * `GET|POST /authorize`: the authorization endpoint (RFC 6749 §4.1.1). Until client and redirect URI are proven, every failure
 * is a page; from there on it is a redirect.
 */
export const authorize: Handler = async (server, event) => {
  const parameters = event.req.method === "POST" ? await formParameters(event) : queryParameters(event)
  await limit(server, event, "authorize", parameters.get("client_id"))
  const client = await requireClient(server, event, parameters)
  const redirectUri = requireRedirectUri(client, parameters)
  const answer = { via: "redirect", redirect_uri: redirectUri, state: returnableState(parameters) } as const
  const target = { client_id: client.client_id, answer }
  return answering(server, target, async () => {
    const transaction = validRequest(server, client, target, parameters)
    return nextStep(server, event, client, transaction, prompts(parameters), maxAge(parameters))
  })
}

/** @throws PageError */
async function requireClient(server: AuthorizationServer, event: H3Event, parameters: Parameters): Promise<Client> {
  requireOne(parameters, "client_id")
  const id = parameters.get("client_id")
  if (id === undefined)
    throw new PageError(
      400,
      "client_missing",
      "Unknown application",
      "The request does not say which application sent it.",
    )
  const client = isDocumentUrl(id) ? await describedClient(server, event, id) : findClient(server, id)
  if (client !== undefined && stands(client, server.clock())) return client
  throw new PageError(
    400,
    "client_unknown",
    "Unknown application",
    "This application is not registered here, or its registration expired. Remove the saved sign-in in the application and connect again.",
  )
}

/** @throws PageError that says what is wrong with the client's document */
async function describedClient(server: AuthorizationServer, event: H3Event, url: string): Promise<Client> {
  try {
    return await documentClient(server, event, url)
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error
    server.log.info("oauth_client_document_refused", { client_id: url, reason: error.fault })
    const text = `The application describes itself in a document that cannot be used: ${error.message}. Tell the makers of the application.`
    throw new PageError(400, `client_document_${error.fault}`, "Unknown application", text)
  }
}

/** @throws PageError */
function requireRedirectUri({ metadata }: Client, parameters: Parameters): string {
  requireOne(parameters, "redirect_uri")
  const presented = parameters.get("redirect_uri")
  const [only, ...others] = metadata.redirect_uris
  if (presented === undefined && only !== undefined && others.length === 0) return only
  if (presented !== undefined && metadata.redirect_uris.some((uri) => matchesRedirectUri(uri, presented)))
    return presented
  throw new PageError(
    400,
    "redirect_uri_unknown",
    "Wrong return address",
    "The application asked to be answered at an address that it did not register.",
  )
}

function requireOne(parameters: Parameters, name: string): void {
  try {
    parameters.requireSingle(name)
  } catch {
    throw new PageError(400, "parameter_repeated", "Malformed request", "The application sent a parameter twice.")
  }
}

function returnableState(parameters: Parameters): string | null {
  const state = parameters.get("state")
  return state === undefined || state.length > longestState ? null : state
}

/** Checks in the order of the RFCs, each by its own name. @throws OAuthError */
function validRequest(
  server: AuthorizationServer,
  client: Client,
  target: ResponseTarget,
  parameters: Parameters,
): Transaction {
  parameters.requireSingle()
  requireState(parameters)
  requireNoRequestObject(parameters)
  requireResponseType(parameters)
  requireResponseMode(parameters)
  requireGrantType(client)
  const challenge = requireChallenge(parameters.get("code_challenge"), parameters.get("code_challenge_method"))
  const resources = requestedResources(server, parameters.all("resource"))
  const scope = grantedScope(parameters.get("scope"), client, resources)
  return {
    ...target,
    id: randomSecret(),
    csrf: randomSecret(),
    document: client.kind === "cimd" ? client.metadata : null,
    code: { challenge, redirect_uri_given: parameters.get("redirect_uri") !== undefined, jkt: promisedKey(parameters) },
    resources: resources.map(({ uri }) => uri),
    scope,
    login_hint: parameters.get("login_hint")?.slice(0, 255) ?? null,
    fresh_login: false,
    browser: null,
  }
}

/** RFC 9449 §10. @throws OAuthError */
function promisedKey(parameters: Parameters): string | null {
  const jkt = parameters.get("dpop_jkt")
  if (jkt !== undefined && !/^[A-Za-z0-9_-]{43}$/.test(jkt))
    throw new OAuthError("invalid_request", "dpop_jkt must be a SHA-256 thumbprint")
  return jkt ?? null
}

function requireState(parameters: Parameters): void {
  if ((parameters.get("state")?.length ?? 0) > longestState)
    throw new OAuthError("invalid_request", `state has at most ${longestState} characters`)
}

/** RFC 9101: not offered. */
function requireNoRequestObject(parameters: Parameters): void {
  if (parameters.get("request") !== undefined) throw new OAuthError("request_not_supported", "request is not supported")
  if (parameters.get("request_uri") !== undefined)
    throw new OAuthError("request_uri_not_supported", "request_uri is not supported")
}

function requireResponseType(parameters: Parameters): void {
  const type = parameters.get("response_type")
  if (type === undefined) throw new OAuthError("invalid_request", "response_type is required")
  if (type !== "code") throw new OAuthError("unsupported_response_type", "response_type must be code")
}

/**
 * OAuth 2.0 Multiple Response Type Encoding Practices §2.1. A client that waits for its answer elsewhere must not take silence for
 * a yes; it is told by the one mode there is (RFC 6749 §4.1.2.1: an invalid parameter value).
 */
function requireResponseMode(parameters: Parameters): void {
  const mode = parameters.get("response_mode")
  if (mode !== undefined && !(responseModes as readonly string[]).includes(mode))
    throw new OAuthError("invalid_request", "response_mode must be query")
}

function requireGrantType({ metadata }: Client): void {
  if (!metadata.grant_types.includes("authorization_code"))
    throw new OAuthError("unauthorized_client", "the client did not register the authorization code grant")
}

/** OpenID Connect Core §3.1.2.1; unknown values are ignored, `none` stands alone. @throws OAuthError */
function prompts(parameters: Parameters): ReadonlySet<string> {
  const values = new Set((parameters.get("prompt") ?? "").split(" ").filter((value) => value !== ""))
  if (values.has("none") && values.size > 1) throw new OAuthError("invalid_request", "prompt none stands alone")
  return values
}

/** Oldest sign-in that the client accepts, seconds. @throws OAuthError */
function maxAge(parameters: Parameters): number {
  const value = parameters.get("max_age")
  if (value === undefined) return Infinity
  if (!/^\d{1,9}$/.test(value)) throw new OAuthError("invalid_request", "max_age must be a number of seconds")
  return Number(value)
}

/** Code at once for a signed-in person who allowed the same before; otherwise the consent page, ahead of any login. */
async function nextStep(
  server: AuthorizationServer,
  event: H3Event,
  client: Client,
  asked: Transaction,
  prompt: ReadonlySet<string>,
  oldest: number,
): Promise<Response> {
  const now = server.clock()
  const session = await currentSession(server, event)
  const recent = session !== undefined && now.getTime() / 1000 - session.user.authTime <= oldest
  const transaction = { ...asked, fresh_login: prompt.has("login") || (oldest !== Infinity && !recent) }
  const usable = transaction.fresh_login || session === undefined ? undefined : session
  const refused = usable && policyFault(server, usable.user, client.client_id, transaction.resources)
  const approved =
    usable !== undefined && refused === undefined && consented(server, usable.user.subject, client, transaction)
  if (approved && !prompt.has("consent")) return completeAuthorization(server, transaction, usable.user, false)
  if (prompt.has("none")) {
    if (usable === undefined) throw new OAuthError("login_required", "the person is not signed in")
    if (refused !== undefined) throw new OAuthError("access_denied", "the person may not use these resources")
    throw new OAuthError("consent_required", "the person has not allowed this yet")
  }
  await putTransaction(server, "consent", transaction)
  return askConsent(server, client, transaction, refused === undefined ? usable?.user : undefined)
}
