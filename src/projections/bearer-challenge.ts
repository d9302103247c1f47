import { issuerOf } from "./issuer.ts"
import { metadataUrls } from "./resource-urls.ts"
import { type ResourceProxy, resourceIdentity } from "./resource.ts"
import { proofAlgorithms } from "./dpop-proof.ts"
import { usableScopes } from "./scope.ts"

/** Errors of RFC 6750 §3.1. */
export type BearerError = "invalid_request" | "invalid_token" | "insufficient_scope"

/** One fault as a challenge tells it. `description` is text of ours, never of the request. */
export interface ChallengeError {
  readonly error: BearerError
  readonly description: string
}

/**
 * `WWW-Authenticate` of a 401: one Bearer challenge on one line. The parameters of RFC 6750 and RFC 9728 come first and
 * our own two last, so that a simple parser finds what it looks for.
 * @param fault left out when the request brought no credential (RFC 6750 §3.1)
 */
export function tokenChallenge(proxy: ResourceProxy, publicHttpsPort: number, fault?: ChallengeError): string {
  const urls = metadataUrls(proxy, publicHttpsPort)
  const oauthHost = proxy.auth?.auth_proxy
  return bearer([
    ["realm", proxy.hostname],
    ["error", fault?.error],
    ["error_description", fault?.description],
    ["scope", usableScopes(proxy, resourceIdentity(proxy, publicHttpsPort).canonical).join(" ")],
    ["resource_metadata", urls.canonical],
    ["as_uri", oauthHost && `${issuerOf(oauthHost, publicHttpsPort)}/.well-known/oauth-authorization-server`],
    ["resource_uri", urls.root],
  ])
}

/** Errors of a challenge for a proof (RFC 9449 §7.1, §9). */
export type ProofError = "invalid_token" | "invalid_dpop_proof" | "use_dpop_nonce"

/** `WWW-Authenticate` for tokens that are bound to a key (RFC 9449 §7.1); it stands in a field of its own, after the Bearer one. */
export function dpopChallenge(
  proxy: ResourceProxy,
  publicHttpsPort: number,
  fault?: { readonly error: ProofError; readonly description: string },
): string {
  return challengeOf("DPoP", [
    ["realm", proxy.hostname],
    ["algs", proofAlgorithms.join(" ")],
    ["error", fault?.error],
    ["error_description", fault?.description],
    ["resource_metadata", metadataUrls(proxy, publicHttpsPort).canonical],
  ])
}

/**
 * `WWW-Authenticate` of a 403 for a token that lacks scopes (RFC 6750 §3.1, MCP step-up).
 * @param needed every scope that the operation needs, so that one more authorization is enough
 */
export function scopeChallenge(
  proxy: ResourceProxy,
  publicHttpsPort: number,
  needed: readonly string[],
  description: string,
): string {
  return bearer([
    ["realm", proxy.hostname],
    ["error", "insufficient_scope"],
    ["scope", needed.join(" ")],
    ["resource_metadata", metadataUrls(proxy, publicHttpsPort).canonical],
    ["error_description", description],
  ])
}

/** `WWW-Authenticate` of a 400 for credentials that cannot be read (RFC 6750 §3.1 `invalid_request`). */
export function malformedChallenge(proxy: ResourceProxy, description: string): string {
  return bearer([
    ["realm", proxy.hostname],
    ["error", "invalid_request"],
    ["error_description", description],
  ])
}

type Parameters = readonly (readonly [name: string, value: string | undefined])[]

function bearer(parameters: Parameters): string {
  return challengeOf("Bearer", parameters)
}

function challengeOf(scheme: string, parameters: Parameters): string {
  const given = parameters.filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== "")
  return `${scheme} ${given.map(([name, value]) => `${name}=${quoted(value)}`).join(", ")}`
}

/** RFC 9110 §5.6.4 quoted-string; URLs and scopes hold no quote, other values are ours. */
function quoted(value: string): string {
  return `"${value.replace(/["\\]/g, "\\$&")}"`
}
