import { type TestKey, addGrant, addKey, goodClaims, instant, proxyWith, signed } from "../support/access-tokens.ts"
import { type World, emptyWorld, fork } from "../../src/events/world.ts"
import { beforeAll, beforeEach } from "vitest"
import type { GuardedRequest } from "../../src/edge/guard.ts"
import type { ResourceProxy } from "../../src/projections/resource.ts"
import { accessTokens } from "../../src/projections/access-token.ts"
import { extractWWWAuthenticateParams } from "@modelcontextprotocol/sdk/client/auth.js"
import { tokenGuard } from "../../src/edge/token-guard.ts"

const keyed = emptyWorld()
export let key: TestKey
export let world: World
export const clock = { seconds: instant }
const settings = { publicHttpsPort: 443, MCP_RESOURCE_VALIDATION_STRICT: true }
export const tokens = accessTokens({ world: () => world, now: () => clock.seconds * 1000 })
export const guard = tokenGuard({ tokens, settings, remembered: 100 })
export const mcp = proxyWith({})
export const plain = proxyWith({}, null)
export const bearer = (claims: object = goodClaims) => ["Authorization", `Bearer ${signed(key, claims)}`]

export const check = (proxy: ResourceProxy, rawHeaders: readonly string[], change: Partial<GuardedRequest> = {}) => {
  const verdict = guard.check(proxy, {
    method: "POST",
    path: "/mcp",
    query: "",
    rawHeaders,
    requestId: "req-1",
    ...change,
  })
  return verdict.pass ? verdict : { ...verdict, header: (name: string) => header(verdict.headers, name) }
}

export const header = (flat: readonly string[], name: string) => {
  const at = flat.findIndex((item, index) => index % 2 === 0 && item.toLowerCase() === name)
  return at < 0 ? undefined : flat[at + 1]
}

/** A refusal in short: status, reason, error of the challenge. */
export const refused = (proxy: ResourceProxy, rawHeaders: readonly string[], change: Partial<GuardedRequest> = {}) => {
  const verdict = check(proxy, rawHeaders, change)
  if (verdict.pass) return "passed"
  const challenge = verdict.header("www-authenticate")
  const error =
    challenge && extractWWWAuthenticateParams(new Response(null, { headers: { "www-authenticate": challenge } })).error
  return [verdict.status, verdict.reason, challenge === undefined ? "no challenge" : (error ?? "no error")]
}

/** Undoes what a test did to the world. */
export function renewWorld(): void {
  world = fork(keyed)
}

/** Gives each test of a file a world of its own with a key and a grant. */
export function freshWorld(): void {
  beforeAll(async () => {
    key = await addKey(keyed, "RS256")
    addGrant(keyed)
  })
  beforeEach(() => {
    renewWorld()
    clock.seconds = instant
  })
}
