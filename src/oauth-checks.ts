import { SignJWT, exportJWK } from "jose"
import type { AccessTokens } from "./projections/access-token.ts"
import type { Config } from "./platform/config.ts"
import type { Health, HealthCheck } from "./api/health.ts"
import type { OwnHosts } from "./api/diagnose/reach.ts"
import type { Projections } from "./projections/projections.ts"
import type { Redis } from "ioredis"
import type { SigningKeys } from "./oauth/signing-keys.ts"
import { Unreachable, reach } from "./api/diagnose/reach.ts"
import { all, find } from "./events/world.ts"
import { available } from "./platform/redis-call.ts"
import { createPublicKey, randomUUID } from "node:crypto"
import { providers } from "./oauth/providers.ts"

/** What the checks of the authorization server work with. */
export interface OAuthCheckParts {
  readonly config: Config
  readonly projections: Projections
  readonly redis: Redis
  readonly signingKeys: SigningKeys
  readonly accessTokens: AccessTokens
  readonly own: OwnHosts
  readonly clock: () => Date
  /** For calls to identity providers. */
  readonly fetch: typeof fetch
}

const outsideMs = 4000

/** Checks of the authorization server. None looks at a setting where it can try the thing itself. */
export function oauthChecks(parts: OAuthCheckParts): Record<string, HealthCheck> {
  const issuer = `https://${parts.config.oauthAuthority}`
  return {
    redis_connection: async () => {
      await available(parts.redis.ping())
      return { status: "healthy" }
    },
    oauth_server_reachable: () =>
      publicly(parts, `${issuer}/.well-known/oauth-authorization-server`, (metadata) =>
        metadata["issuer"] === issuer ? undefined : "another issuer answers at the public address",
      ),
    auth_proxy_configured: () => authProxies(parts),
    token_validation: () => tokenValidation(parts, issuer),
    jwks_endpoint: async () => {
      const { kid } = await parts.signingKeys.signer()
      return publicly(parts, `${issuer}/jwks`, (set) =>
        (set["keys"] as { kid?: unknown }[] | undefined)?.some((key) => key.kid === kid) === true
          ? undefined
          : "the published keys lack the one that signs",
      )
    },
    identity_providers: () => identityProviders(parts),
    signing_key: async () => {
      const { kid, privateKey } = await parts.signingKeys.signer()
      const { n, x, y } = await exportJWK(createPublicKey(privateKey))
      const published = find(parts.projections.world, "signing-key", kid)?.public_jwk
      const same = published !== undefined && n === published["n"] && x === published["x"] && y === published["y"]
      return same
        ? { status: "healthy" }
        : { status: "unhealthy", detail: "the private key is not that of the published one" }
    },
  }
}

/** Fetches a document over the public listener, as a client does. @param fault what is wrong with it */
async function publicly(
  { own }: OAuthCheckParts,
  url: string,
  fault: (document: Readonly<Record<string, unknown>>) => string | undefined,
): Promise<Health> {
  const calls = await reach({ own, allow: () => false, signal: AbortSignal.timeout(outsideMs) })
  try {
    const { status, json } = await calls.ask(url)
    if (status !== 200 || json === undefined) return { status: "unhealthy", detail: `it is answered ${status}` }
    const detail = fault(json)
    return detail === undefined ? { status: "healthy" } : { status: "unhealthy", detail }
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error
    return { status: "unhealthy", detail: error.message }
  } finally {
    await calls.close()
  }
}

/** Does every proxy that asks for tokens ask for those of an authorization server that is there? */
function authProxies({ config, projections }: OAuthCheckParts): Health {
  const host = config.oauthAuthority.replace(/:\d+$/, "")
  const guarded = [...all(projections.world, "proxy")].filter(({ auth }) => auth?.auth_enabled === true)
  const lost = guarded.filter(({ auth }) => auth?.auth_proxy !== host)
  if (lost.length > 0)
    return { status: "degraded", detail: `${lost.length} proxies name another OAuth host than ${host}` }
  return { status: "healthy", detail: `${guarded.length} proxies are protected by ${host}` }
}

/**
 * Signs a token now and checks it as the gateway does. Its grant does not exist: that this is all that is found wrong with it
 * proves form, key, signature, issuer and times, and no token that opens anything is ever made.
 */
async function tokenValidation({ signingKeys, accessTokens, clock }: OAuthCheckParts, issuer: string): Promise<Health> {
  const { kid, algorithm, privateKey } = await signingKeys.signer()
  const now = Math.floor(clock().getTime() / 1000)
  const claims = {
    iss: issuer,
    sub: "check",
    aud: [issuer],
    client_id: "check",
    iat: now,
    exp: now + 60,
    jti: randomUUID(),
    scope: "",
    sid: "check",
  }
  const token = await new SignJWT(claims).setProtectedHeader({ alg: algorithm, typ: "at+jwt", kid }).sign(privateKey)
  const genuine = accessTokens.verify(token, issuer)
  if (genuine.ok || genuine.reason !== "revoked")
    return {
      status: "unhealthy",
      detail: `a token that was signed now is found ${genuine.ok ? "good without a grant" : genuine.reason}`,
    }
  const [header, payload, signature = ""] = token.split(".")
  const forged = accessTokens.verify(
    [header, payload, signature.replace(/^./, (first) => (first === "A" ? "B" : "A"))].join("."),
    issuer,
  )
  if (forged.ok || forged.reason !== "bad_signature")
    return { status: "unhealthy", detail: "a changed signature is not noticed" }
  return { status: "healthy" }
}

/** Asks each provider that people can sign in with; it works while one does, but somebody should look at the others. */
async function identityProviders({ config, fetch }: OAuthCheckParts): Promise<Health> {
  const offered = providers({ config }).map(({ name }) => name)
  const faults: string[] = []
  if (offered.includes("github")) {
    if (config.OAUTH_ALLOWED_GITHUB_USERS === undefined)
      faults.push("OAUTH_ALLOWED_GITHUB_USERS is not set: nobody may sign in with GitHub")
    else if (!(await answers(fetch, config.GITHUB_API_URL))) faults.push("GitHub does not answer")
  }
  if (config.OIDC_ISSUER !== undefined) {
    const discovery = `${config.OIDC_ISSUER.replace(/\/$/, "")}/.well-known/openid-configuration`
    if (!(await answers(fetch, discovery, true))) faults.push(`${config.OIDC_NAME} does not answer`)
  }
  if (faults.length === 0) return { status: "healthy", detail: offered.join(", ") }
  return { status: faults.length < offered.length ? "degraded" : "unhealthy", detail: faults.join("; ") }
}

async function answers(call: typeof fetch, url: string, mustBeOk = false): Promise<boolean> {
  try {
    const response = await call(url, { signal: AbortSignal.timeout(outsideMs), redirect: "manual" })
    await response.body?.cancel()
    return mustBeOk ? response.ok : response.status < 500
  } catch {
    return false
  }
}
