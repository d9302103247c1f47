import * as z from "zod"
import { type JWTVerifyGetKey, createRemoteJWKSet, customFetch } from "jose"
import { ProviderError, callProvider, providerJson } from "./provider-call.ts"
import type { Config } from "../platform/config.ts"

/** An issuer whose word about people is taken (RFC 7523 §2.1). */
export interface TrustedIssuer {
  /** Part of its people's subjects. */
  readonly name: string
  readonly issuer: string
  /** Its keys, found by discovery. @throws ProviderError */
  keys(): Promise<JWTVerifyGetKey>
}

const Discovery = z.object({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https?$/ }) })
const keptMs = 3_600_000

/** The configured issuers by their identifier. @param now milliseconds since the epoch */
export function trustedIssuers(
  configured: Config["OAUTH_TRUSTED_ISSUERS"],
  call: typeof fetch,
  now: () => number,
): ReadonlyMap<string, TrustedIssuer> {
  return new Map(configured.map(({ name, issuer }) => [issuer, { name, issuer, keys: discovered(issuer, call, now) }]))
}

function discovered(issuer: string, call: typeof fetch, now: () => number): () => Promise<JWTVerifyGetKey> {
  let known: { readonly at: number; readonly keys: Promise<JWTVerifyGetKey> } | undefined
  return () => {
    if (known !== undefined && now() - known.at < keptMs) return known.keys
    const keys = discover(issuer, call)
    const mine = { at: now(), keys }
    known = mine
    keys.catch(() => {
      if (known === mine) known = undefined
    })
    return keys
  }
}

async function discover(issuer: string, call: typeof fetch): Promise<JWTVerifyGetKey> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`
  const { status, text } = await callProvider(call, "issuer", url, {})
  if (status !== 200) throw new ProviderError("issuer_discovery_failed", `status ${status}`)
  const parsed = Discovery.safeParse(providerJson("issuer", text))
  if (!parsed.success || parsed.data.issuer !== issuer)
    throw new ProviderError("issuer_mismatch", "the discovery document is of another issuer, or of none")
  if (issuer.startsWith("https:") && !parsed.data.jwks_uri.startsWith("https:"))
    throw new ProviderError("issuer_malformed", "jwks_uri is not https")
  const fetched: typeof fetch = (uri, init) => call(uri, { ...init, redirect: "error" })
  return createRemoteJWKSet(new URL(parsed.data.jwks_uri), { [customFetch]: fetched, timeoutDuration: 10_000 })
}
