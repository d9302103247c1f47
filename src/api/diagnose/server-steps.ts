import type { Learned } from "./resource-steps.ts"
import { createHash, randomBytes } from "node:crypto"
import { failed, ok, quoted, secureUrl, warning } from "./finding.ts"
import { type Reach, asked } from "./reach.ts"

/** Authorization server metadata (RFC 8414) that was found good. */
export interface ServerDocument {
  readonly issuer: string
  readonly content: Readonly<Record<string, unknown>>
  readonly openToBrowsers: boolean
}

/** Where a client's metadata may be (RFC 8414 §3.1, OpenID Connect Discovery §4, MCP 2025-11-25). */
function addressesOf(issuer: URL): string[] {
  const path = issuer.pathname.replace(/\/$/, "")
  const names = ["oauth-authorization-server", "openid-configuration"]
  const inserted = names.map((name) => `${issuer.origin}/.well-known/${name}${path}`)
  return path === "" ? inserted : [...inserted, `${issuer.origin}${path}/.well-known/openid-configuration`]
}

/** Finds the metadata of the first authorization server that a resource names. */
export async function serverMetadata(reach: Reach, servers: readonly unknown[]): Promise<Learned<ServerDocument>> {
  const [issuer] = servers
  const parsed = secureUrl(issuer)
  if (typeof issuer !== "string" || parsed === undefined)
    return { finding: failed(`The authorization server is not an https URL: ${quoted(issuer)}.`) }
  const faults: string[] = []
  const found: ServerDocument[] = []
  for (const address of addressesOf(parsed)) {
    const answer = await asked(reach, address)
    if (typeof answer === "string") faults.push(`${address}: ${answer}`)
    else if (answer.status !== 200 || answer.json === undefined)
      faults.push(`${address}: ${answer.status === 200 ? "it is no JSON object." : `it is answered ${answer.status}.`}`)
    else if (answer.json["issuer"] !== issuer)
      return {
        finding: failed(
          `The metadata at ${address} is of the issuer ${quoted(answer.json["issuer"])}, not of ${issuer}: clients compare letter by letter.`,
        ),
      }
    else
      found.push({
        issuer,
        content: answer.json,
        openToBrowsers: answer.header("access-control-allow-origin") !== undefined,
      })
  }
  const [document] = found
  if (document === undefined)
    return { finding: failed(`There is no authorization server metadata (RFC 8414): ${faults.join(" ")}`) }
  const fault = documentFault(document.content)
  if (fault !== undefined) return { finding: failed(fault) }
  return {
    finding:
      faults.length > 0
        ? warning(`The authorization server metadata is at one well-known address only: ${faults.join(" ")}`)
        : ok(`${issuer} has metadata at its well-known addresses.`),
    value: document,
  }
}

function documentFault(content: Readonly<Record<string, unknown>>): string | undefined {
  for (const member of ["authorization_endpoint", "token_endpoint"] as const)
    if (secureUrl(content[member]) === undefined)
      return `The authorization server's ${member} is not an https URL: ${quoted(content[member])}.`
  const types = content["response_types_supported"]
  if (Array.isArray(types) && !types.includes("code"))
    return "The authorization server does not offer the authorization code (response_types_supported)."
  return undefined
}

/** MCP clients refuse a server that does not say that it checks S256 (RFC 7636, MCP 2025-11-25). */
export function pkce({ content }: ServerDocument): Learned<never> {
  const methods = content["code_challenge_methods_supported"]
  if (!Array.isArray(methods))
    return {
      finding: failed(
        "The authorization server does not say that it supports PKCE (code_challenge_methods_supported is missing).",
      ),
    }
  if (!methods.includes("S256"))
    return { finding: failed(`The authorization server does not offer PKCE with S256, only ${quoted(methods)}.`) }
  return { finding: ok("PKCE with S256 is offered.") }
}

/** Keys that the resource checks tokens with; clients do not need them, so their absence only costs a warning. */
export async function keys(reach: Reach, { content }: ServerDocument): Promise<Learned<never>> {
  const uri = content["jwks_uri"]
  if (uri === undefined) return { finding: warning("The authorization server publishes no keys (jwks_uri).") }
  if (secureUrl(uri) === undefined) return { finding: failed(`The jwks_uri is not an https URL: ${quoted(uri)}.`) }
  const answer = await asked(reach, uri as string)
  if (typeof answer === "string") return { finding: failed(`The keys cannot be fetched: ${answer}`) }
  const set = answer.json?.["keys"]
  if (answer.status !== 200 || !Array.isArray(set) || set.length === 0)
    return { finding: failed(`The key set at ${quoted(uri)} has no keys (status ${answer.status}).`) }
  return { finding: ok(`The key set has ${set.length === 1 ? "one key" : `${set.length} keys`}.`) }
}

/** A client that the doctor registered, and how to take it back. */
export interface TrialClient {
  readonly client_id: string
  remove(): Promise<void>
}

/** Where nothing listens: whoever follows a flow to its end reads the code from the redirect. */
export const redirectUri = "http://127.0.0.1:33418/callback"

/** Can a client that nobody knows introduce itself (RFC 7591, or a client id metadata document)? */
export async function register(reach: Reach, { content }: ServerDocument): Promise<Learned<TrialClient>> {
  const endpoint = content["registration_endpoint"]
  const documents = content["client_id_metadata_document_supported"] === true
  if (endpoint === undefined)
    return documents
      ? { finding: ok("Clients introduce themselves by a metadata document; registration is closed.") }
      : {
          finding: failed(
            "No client that is not known already can introduce itself: there is neither registration_endpoint nor client_id_metadata_document_supported.",
          ),
        }
  if (secureUrl(endpoint) === undefined)
    return { finding: failed(`The registration_endpoint is not an https URL: ${quoted(endpoint)}.`) }
  const body = JSON.stringify({
    client_name: "Gatehouse connector check",
    redirect_uris: [redirectUri],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  })
  const answer = await asked(reach, endpoint as string, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  })
  if (typeof answer === "string") return { finding: failed(`The registration endpoint cannot be reached: ${answer}`) }
  const id = answer.json?.["client_id"]
  if ((answer.status !== 201 && answer.status !== 200) || typeof id !== "string")
    return {
      finding: failed(`A client cannot register: ${quoted(endpoint)} answers ${answer.status}${said(answer.json)}.`),
    }
  const { registration_client_uri: uri, registration_access_token: secret } = answer.json ?? {}
  return {
    finding:
      answer.status === 201
        ? ok("A client can register.")
        : warning("A client can register, but is answered 200 and not 201 (RFC 7591 §3.2.1)."),
    value: {
      client_id: id,
      async remove() {
        // Nobody else's: whoever is examined does not choose what is deleted elsewhere.
        if (secureUrl(uri)?.origin !== secureUrl(endpoint)?.origin) return
        if (typeof secret !== "string" || /[^\x21-\x7e]/.test(secret)) return
        // What stays behind expires like every registration that is not used.
        await asked(reach, uri as string, { method: "DELETE", headers: { authorization: `Bearer ${secret}` } })
      },
    },
  }
}

/** An authorization request of a client with the doctor's redirect URI (RFC 6749 §4.1.1, RFC 7636, RFC 8707). */
export interface AuthorizationRequest {
  readonly url: string
  readonly verifier: string
  readonly state: string
}

/** A fresh authorization request. @param scope absent: whatever the server gives by itself */
export function authorizationRequest(
  { content }: ServerDocument,
  clientId: string,
  resource: string,
  scope?: string,
): AuthorizationRequest {
  const verifier = randomBytes(32).toString("base64url")
  const state = randomBytes(16).toString("base64url")
  const url = new URL(content["authorization_endpoint"] as string)
  const query = {
    response_type: "code",
    client_id: clientId,
    redirect_uri: redirectUri,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    state,
    resource,
    ...(scope !== undefined && { scope }),
  }
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  return { url: url.href, verifier, state }
}

/** Does a browser that arrives at the authorization endpoint get a page for a person? */
export async function authorize(
  reach: Reach,
  server: ServerDocument,
  client: TrialClient,
  resource: string,
): Promise<Learned<never>> {
  const { url } = authorizationRequest(server, client.client_id, resource)
  const answer = await asked(reach, url, { headers: { accept: "text/html", "sec-fetch-mode": "navigate" } })
  if (typeof answer === "string") return { finding: failed(`The authorization endpoint cannot be reached: ${answer}`) }
  const location = answer.header("location")
  if (answer.status >= 300 && answer.status < 400 && location !== undefined) {
    const target = URL.parse(location, url)
    if (!location.startsWith(redirectUri))
      return { finding: ok(`The browser is sent on to sign in at ${target?.host ?? "another page"}.`) }
    const error = target?.searchParams.get("error")
    if (error === "invalid_target")
      return { finding: failed(`The authorization server does not know the resource ${resource} (invalid_target).`) }
    return {
      finding: failed(`The authorization server sends the browser back at once with ${quoted(error ?? "no error")}.`),
    }
  }
  if (answer.status === 200) return { finding: ok("The person gets to see a page that asks for consent or sign-in.") }
  return { finding: failed(`The authorization endpoint answers ${answer.status} to a proper request.`) }
}

/** The `error` of an OAuth answer, as far as it is one. */
function said(json: Readonly<Record<string, unknown>> | undefined): string {
  const error = json?.["error"]
  return typeof error === "string" ? ` with ${quoted(error)}` : ""
}
