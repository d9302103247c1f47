import * as z from "zod"
import { createRemoteJWKSet, customFetch } from "jose"
import { ProviderError, callProvider, providerJson } from "./provider-call.ts"
import type { Config } from "../platform/config.ts"
import { idTokenClaims, requireFresh, requireHash, requireNonce } from "./id-token.ts"
import { setTimeout as sleep } from "node:timers/promises"

/** Somebody at an OpenID provider. */
export interface OidcAccount {
  /** Never given to anybody else by its issuer. */
  readonly sub: string
  readonly username: string
  readonly name: string | null
  /** An address that the provider verified; null where there is none. */
  readonly email: string | null
  readonly groups: readonly string[]
}

/** One login at the provider: what was sent with it, and must come back. */
export interface OidcLogin {
  readonly state: string
  readonly nonce: string
  readonly challenge: string
  readonly redirectUri: string
  readonly loginHint: string | null
  /** The person must prove themselves now. */
  readonly fresh: boolean
}

/** What came back, and what it must match. */
export interface OidcAnswer {
  readonly code: string
  /** `iss` of the redirect (RFC 9207). */
  readonly iss: string | undefined
  readonly verifier: string
  readonly nonce: string
  readonly redirectUri: string
  /** No sign-in before this one counts, seconds since the epoch; null = any. */
  readonly notBefore: number | null
}

/** An OpenID provider, found by discovery (OpenID Connect Discovery §4). */
export interface Oidc {
  /** @throws ProviderError */
  authorizationUrl(login: OidcLogin): Promise<string>
  /** Redeems the code and checks who it is. Tokens are dropped with the end of this call. @throws ProviderError */
  account(answer: OidcAnswer): Promise<OidcAccount>
  /** Origin of its login page, for CSP; a guess while the provider is away. */
  origin(): Promise<string>
}

type Settings = Pick<
  Config,
  "OIDC_ISSUER" | "OIDC_CLIENT_ID" | "OIDC_CLIENT_SECRET" | "OIDC_SCOPES" | "OIDC_GROUPS_CLAIM"
>

const endpoint = z.url({ protocol: /^https?$/ })
const Discovery = z.object({
  issuer: z.string(),
  authorization_endpoint: endpoint,
  token_endpoint: endpoint,
  jwks_uri: endpoint,
  userinfo_endpoint: endpoint.optional(),
  token_endpoint_auth_methods_supported: z.array(z.string()).optional(),
  authorization_response_iss_parameter_supported: z.boolean().optional(),
})
type Metadata = z.infer<typeof Discovery>

const TokenAnswer = z.object({ id_token: z.string().min(1).max(65_536), access_token: z.string().min(1) })

const keptMs = 3_600_000
const retryMs = 10_000
/** How long a page waits for a provider that is away. */
const patience = 1500

/** An OpenID provider under a configured client. @param now milliseconds since the epoch */
export function oidc(settings: Settings, call: typeof fetch, now: () => number): Oidc {
  const issuer = settings.OIDC_ISSUER ?? ""
  let known:
    | { at: number; found: Promise<{ metadata: Metadata; keys: ReturnType<typeof createRemoteJWKSet> }> }
    | undefined
  let failedAt = -Infinity

  async function discover() {
    const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`
    const { status, text } = await callProvider(call, "oidc", url, {})
    if (status !== 200) throw new ProviderError("oidc_discovery_failed", `status ${status}`)
    const parsed = Discovery.safeParse(providerJson("oidc", text))
    if (!parsed.success) throw new ProviderError("oidc_malformed", "the discovery document has an unexpected shape")
    const metadata = parsed.data
    if (metadata.issuer !== issuer) throw new ProviderError("oidc_issuer_mismatch", "the document is of another issuer")
    const endpoints = [
      metadata.authorization_endpoint,
      metadata.token_endpoint,
      metadata.jwks_uri,
      metadata.userinfo_endpoint,
    ]
    if (issuer.startsWith("https:") && endpoints.some((uri) => uri?.startsWith("http:") === true))
      throw new ProviderError("oidc_malformed", "an endpoint is not https")
    const fetched: typeof fetch = (uri, init) => call(uri, { ...init, redirect: "error" })
    const keys = createRemoteJWKSet(new URL(metadata.jwks_uri), { [customFetch]: fetched, timeoutDuration: 10_000 })
    return { metadata, keys }
  }

  function provider() {
    if (known !== undefined && now() - known.at < keptMs) return known.found
    const found = discover()
    known = { at: now(), found }
    found.catch(() => {
      known = undefined
      failedAt = now()
    })
    return found
  }

  async function redeem(
    { token_endpoint, token_endpoint_auth_methods_supported: methods }: Metadata,
    answer: OidcAnswer,
  ) {
    const [id, secret] = [settings.OIDC_CLIENT_ID ?? "", settings.OIDC_CLIENT_SECRET ?? ""]
    const posted =
      methods !== undefined && !methods.includes("client_secret_basic") && methods.includes("client_secret_post")
    const form = new URLSearchParams({
      grant_type: "authorization_code",
      code: answer.code,
      redirect_uri: answer.redirectUri,
      code_verifier: answer.verifier,
      ...(posted && { client_id: id, client_secret: secret }),
    })
    const encoded = [id, secret].map((text) => new URLSearchParams({ _: text }).toString().slice(2)).join(":")
    const headers = posted ? {} : { authorization: `Basic ${Buffer.from(encoded).toString("base64")}` }
    const { status, text } = await callProvider(call, "oidc", token_endpoint, { method: "POST", body: form, headers })
    if (status !== 200)
      throw new ProviderError(status < 500 ? "oidc_code_refused" : "oidc_unavailable", `status ${status}`)
    const parsed = TokenAnswer.safeParse(providerJson("oidc", text))
    if (!parsed.success) throw new ProviderError("oidc_malformed", "the token answer has no ID token")
    return parsed.data
  }

  async function userinfo(
    { userinfo_endpoint }: Metadata,
    token: string,
    sub: string,
  ): Promise<Record<string, unknown>> {
    if (userinfo_endpoint === undefined) return {}
    const headers = { authorization: `Bearer ${token}` }
    const { status, text } = await callProvider(call, "oidc", userinfo_endpoint, { headers })
    if (status !== 200) throw new ProviderError("oidc_userinfo_failed", `status ${status}`)
    const claims = providerJson("oidc", text) as Record<string, unknown> | null
    // OpenID Connect Core §5.3.4: claims about somebody else are not used.
    if (claims?.["sub"] !== sub) throw new ProviderError("oidc_userinfo_mismatch", "the claims are about somebody else")
    return claims
  }

  return {
    async authorizationUrl({ state, nonce, challenge, redirectUri, loginHint, fresh }) {
      const { metadata } = await provider()
      const url = new URL(metadata.authorization_endpoint)
      const parameters = {
        response_type: "code",
        client_id: settings.OIDC_CLIENT_ID ?? "",
        redirect_uri: redirectUri,
        scope: settings.OIDC_SCOPES,
        state,
        nonce,
        code_challenge: challenge,
        code_challenge_method: "S256",
        ...(loginHint !== null && { login_hint: loginHint }),
        ...(fresh && { prompt: "login", max_age: "0" }),
      }
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
      return url.href
    },
    async account(answer) {
      const { metadata, keys } = await provider()
      const named = metadata.authorization_response_iss_parameter_supported === true
      if ((named || answer.iss !== undefined) && answer.iss !== issuer)
        throw new ProviderError("oidc_issuer_mismatch", "the answer is of another issuer")
      const tokens = await redeem(metadata, answer)
      const audience = settings.OIDC_CLIENT_ID ?? ""
      const identity = await idTokenClaims(tokens.id_token, keys, { issuer, audience, now: new Date(now()) })
      requireNonce(identity, answer.nonce)
      requireHash(identity, tokens.id_token, tokens.access_token)
      requireFresh(identity, answer.notBefore)
      return accountOf(
        { ...(await userinfo(metadata, tokens.access_token, identity.sub)), ...identity },
        settings.OIDC_GROUPS_CLAIM,
      )
    },
    async origin() {
      const fallback = new URL(issuer).origin
      if (known === undefined && now() - failedAt < retryMs) return fallback
      const found = provider().then(({ metadata }) => new URL(metadata.authorization_endpoint).origin)
      return Promise.race([found.catch(() => fallback), sleep(patience, fallback, { ref: false })])
    },
  }
}

function accountOf(claims: Record<string, unknown>, groupsClaim: string): OidcAccount {
  const text = (value: unknown) =>
    typeof value === "string" && value !== "" && value.length <= 255 && value.isWellFormed() ? value : null
  const sub = claims["sub"] as string
  const email = claims["email_verified"] === true ? text(claims["email"]) : null
  const groups = [claims[groupsClaim] ?? []].flat().filter((group): group is string => text(group) !== null)
  return {
    sub,
    username: text(claims["preferred_username"]) ?? email ?? sub,
    name: text(claims["name"]),
    email,
    groups,
  }
}
