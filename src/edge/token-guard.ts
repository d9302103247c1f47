import type { AccessToken, AccessTokens, TokenFault } from "../projections/access-token.ts"
import { type AdmissionFault, type ResourceSettings, admissionFault } from "../projections/admission.ts"
import type { Guard, GuardedRequest, Identity, Verdict } from "./guard.ts"
import { type GuardFault, refusal } from "./refusal.ts"
import { corsHeaders, preflightHeaders } from "../projections/cors.ts"
import { type Credential, guardHeaders, headerValue, isToken68, readCredential, singleHeader } from "./credentials.ts"
import { type PossessionFault, type UsedProof, proofGuard } from "./proof-guard.ts"
import type { ProofNonces } from "../projections/dpop-nonce.ts"
import { type KnownCredential, credentialCache } from "./credential-cache.ts"
import { excludedPaths, isExcluded } from "../projections/excluded-paths.ts"
import { identityHeaders } from "./identity-headers.ts"
import { isMcpEndpoint } from "../projections/mcp-endpoint.ts"
import { takesOrigin } from "../projections/mcp-origin.ts"
import { tokenInQuery } from "../projections/query-token.ts"
import { issuerOf } from "../projections/issuer.ts"
import { type ResourceProxy, resourceIdentity } from "../projections/resource.ts"

/** What the guard is made of. */
export interface TokenGuardParts {
  readonly tokens: AccessTokens
  readonly settings: ResourceSettings
  /** Tokens remembered per generation; twice as many at most. */
  readonly remembered?: number
  /** Proofs of possession remembered of one span of time; see `proofGuard`. */
  readonly proofs?: number
  /** Milliseconds since the epoch, for proofs of possession; the system's by default. */
  readonly now?: () => number
  /** Where proofs of possession must carry a nonce. */
  readonly nonces?: ProofNonces | undefined
}

type Pass = Extract<Verdict, { pass: true }>

/** A verified token, and what it is worth on the proxy that it was last used for. */
interface Remembered extends AccessToken, KnownCredential {
  readonly identity: Identity
  /** See `AccessTokens.standing`. */
  stood: object | undefined
  proxy: ResourceProxy
  outcome: Pass | AdmissionFault | "identity_not_representable"
}

type Presented = Extract<Credential, { token: string }>
type Unknown = TokenFault | "malformed_authorization"
type Judgement = Remembered["outcome"] | Unknown | PossessionFault

/** A request that passes once it is known that no other node saw its proof. */
interface Proven {
  readonly outcome: Pass
  readonly proof: UsedProof
}

/** What follows from a proxy's settings; a proxy is a new value after each change. */
export interface Plan {
  readonly origin: string
  /** Issuer of the OAuth host; empty, which no token has, without auth. */
  readonly issuer: string
  readonly excluded: readonly string[]
}

const open: Pass = { pass: true, headers: [], protected: false, identity: null }
const anonymous: Pass = { pass: true, headers: [], protected: true, identity: null }

/**
 * Guard of proxied hosts (resource server of RFC 6750 and RFC 9068). Order: CORS preflight and Origin on the MCP
 * endpoint, excluded paths, credential, token, issuer, audience, people rule, scope.
 *
 * A verified token is remembered, so a later request costs one pass over the headers and a few lookups. Only what cannot
 * change is remembered, the signature and the claims: expiry is looked at each time, grant, client and key whenever the
 * projections have changed, and the outcome belongs to one value of the proxy. So nothing has to be invalidated, and a
 * revocation works from the moment it is folded.
 */
export function tokenGuard(parts: TokenGuardParts): Guard {
  const { tokens, settings, remembered = 10_000, now = Date.now, nonces } = parts
  const { publicHttpsPort } = settings
  const cache = credentialCache<Remembered>(remembered)
  const plans = new WeakMap<ResourceProxy, Plan>()
  const tokenOf = new WeakMap<Identity, AccessToken>()
  const provePossession = proofGuard(now, nonces, parts.proofs)

  function planOf(proxy: ResourceProxy): Plan {
    const known = plans.get(proxy)
    if (known !== undefined) return known
    const made = plan(proxy, publicHttpsPort)
    plans.set(proxy, made)
    return made
  }

  function outcomeOn(proxy: ResourceProxy, { claims }: AccessToken, identity: Identity): Remembered["outcome"] {
    const fault = admissionFault(proxy, claims, settings, schemeOf(claims))
    if (fault !== undefined) return fault
    const headers = proxy.auth?.auth_pass_headers ? identityHeaders(proxy.auth.auth_header_prefix, claims) : []
    return headers === undefined ? "identity_not_representable" : { pass: true, headers, protected: true, identity }
  }

  /** What this token is worth on this proxy, now, as it was presented: with its scheme, and a bound one with its proof. */
  function judgePresented(
    proxy: ResourceProxy,
    { type, token }: Presented,
    request: GuardedRequest,
  ): Judgement | Proven {
    const known = recall(proxy, token)
    if (typeof known === "string") return known
    const { outcome, claims } = known
    const { cnf, sub: account } = claims
    if (typeof outcome === "string") return outcome
    if (cnf === undefined) return type === "bearer" ? outcome : "not_sender_constrained"
    if (type === "bearer") return "sender_constrained"
    const { method, path, rawHeaders } = request
    const url = planOf(proxy).origin + path
    const proof = singleHeader(rawHeaders, "dpop")
    const proven = provePossession({ method, url, token, account, confirmation: cnf, proof })
    return typeof proven === "string" ? proven : { outcome, proof: proven }
  }

  /** A token that stands, with what it is worth on this proxy, now, if it is presented as it must be. */
  function recall(proxy: ResourceProxy, token: string): Remembered | Unknown {
    const known = cache.get(token)
    if (known === undefined) return meet(proxy, token)
    const fault = tokens.standing(known)
    if (fault !== undefined) {
      cache.delete(token)
      return fault
    }
    if (known.proxy !== proxy) {
      known.outcome = outcomeOn(proxy, known, known.identity)
      known.proxy = proxy
    }
    return known
  }

  function meet(proxy: ResourceProxy, text: string): Remembered | Unknown {
    if (!isToken68(text)) return "malformed_authorization"
    const checked = tokens.verify(text, planOf(proxy).issuer)
    if (!checked.ok) return checked.reason
    const { claims, kid } = checked
    const { sub: subject, client_id: clientId, sid: grantId, jti: tokenId, exp: expires } = claims
    const identity = { subject, clientId, grantId, tokenId, expires }
    const token = { claims, kid }
    const outcome = outcomeOn(proxy, token, identity)
    tokenOf.set(identity, token)
    const met: Remembered = { ...token, text, identity, stood: undefined, proxy, outcome }
    cache.set(met)
    return met
  }

  function check(proxy: ResourceProxy, request: GuardedRequest): Verdict {
    const guarded = proxy.auth?.auth_enabled === true
    if (!guarded && proxy.mcp?.mcp_enabled !== true) return open
    const { origin: ownOrigin, excluded } = planOf(proxy)
    const { authorization, origin, repeated } = guardHeaders(request.rawHeaders)
    const mcpEndpoint = isMcpEndpoint(proxy, request.path)
    const refuse = (fault: GuardFault, cors = mcpEndpoint ? corsHeaders(origin) : []) =>
      refusal(fault, {
        proxy,
        publicHttpsPort,
        mcpEndpoint,
        cors,
        requestId: request.requestId,
        nonce: nonces?.current(),
      })

    const pass = (verdict: Pass): Verdict =>
      mcpEndpoint && origin !== undefined ? { ...verdict, cors: corsHeaders(origin) } : verdict

    if (repeated) return refuse("repeated_header", [])
    if (mcpEndpoint && origin !== undefined) {
      if (!takesOrigin(proxy, origin, ownOrigin)) return refuse("origin_not_allowed", ["Vary", "Origin"])
      if (isPreflight(request))
        return {
          pass: false,
          status: 204,
          headers: preflightHeaders(origin, headerValue(request.rawHeaders, "access-control-request-headers")),
          body: "",
          reason: "preflight",
        }
    }
    if (!guarded) return pass(open)
    if (excluded.length > 0 && isExcluded(request.path, excluded)) return pass(anonymous)
    if (tokenInQuery(request.query)) return refuse("token_in_query")
    const credential = readCredential(authorization)
    if (credential.type === "malformed") return refuse("malformed_authorization")
    const outcome = credential.type === "none" ? "no_credential" : judgePresented(proxy, credential, request)
    if (typeof outcome !== "string" && "pass" in outcome) return pass(outcome)
    const nonce = nonces && credential.type === "dpop" ? { nonce: nonces.current() } : {}
    const shut = (fault: GuardFault) =>
      proxy.auth?.auth_mode === "passthrough" && !isAmbiguous(fault) ? pass({ ...anonymous, ...nonce }) : refuse(fault)
    if (typeof outcome === "string") return shut(outcome)
    const proof = { id: outcome.proof.id, replayed: () => shut("proof_replayed") }
    return pass({ ...outcome.outcome, ...nonce, proof })
  }

  function stillAllowed(proxy: ResourceProxy, identity: Identity): boolean {
    if (!proxy.enabled) return false
    if (proxy.auth?.auth_enabled !== true) return true
    const token = tokenOf.get(identity)
    if (token === undefined || tokens.revoked(token)) return false
    return (
      proxy.auth.auth_mode === "passthrough" ||
      admissionFault(proxy, token.claims, settings, schemeOf(token.claims)) === undefined
    )
  }

  return { check, stillAllowed, claims: (identity) => tokenOf.get(identity)?.claims }
}

/** Is this a CORS preflight (Fetch §4.8), where an origin is known? */
function isPreflight({ method, rawHeaders }: GuardedRequest): boolean {
  return method === "OPTIONS" && headerValue(rawHeaders, "access-control-request-method") !== undefined
}

/** The one scheme that a token may come with (RFC 9449 §7.1). */
function schemeOf({ cnf }: AccessToken["claims"]): "Bearer" | "DPoP" {
  return cnf === undefined ? "Bearer" : "DPoP"
}

/** What even passthrough does not send on: the backend could take the request for another's. */
function isAmbiguous(fault: GuardFault): boolean {
  return fault === "malformed_authorization" || fault === "identity_not_representable"
}

/** What the guards read of a proxy. */
export function plan(proxy: ResourceProxy, publicHttpsPort: number): Plan {
  const { origin } = resourceIdentity(proxy, publicHttpsPort)
  return {
    origin,
    issuer: proxy.auth === null ? "" : issuerOf(proxy.auth.auth_proxy, publicHttpsPort),
    excluded: excludedPaths(proxy),
  }
}
