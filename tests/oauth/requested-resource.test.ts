import { type Versioned, emptyWorld } from "../../src/events/world.ts"
import { expect, test } from "vitest"
import type { AuthorizationServer } from "../../src/oauth/authorization-server.ts"
import type { Proxy } from "../../src/events/proxy.ts"
import { findResource } from "../../src/oauth/requested-resource.ts"

/** Proxies of a large installation: going through them for each token is work for nothing. */
class LookedUp extends Map<string, Versioned<Proxy>> {
  override values(): never {
    throw new Error("every proxy is looked at")
  }
}

const proxy = (hostname: string, more: object = {}) => {
  const auth = { auth_enabled: true, auth_proxy: "auth.test" }
  return { version: 1, state: { hostname, enabled: true, auth, mcp: null, ...more } as unknown as Proxy }
}

test("A resource is found by its host alone, and only where it is protected here", () => {
  const proxies = new LookedUp([
    ["a.test", proxy("a.test", { mcp: { mcp_enabled: true, mcp_endpoint: "/mcp" } })],
    ["off.test", proxy("off.test", { enabled: false })],
    ["open.test", proxy("open.test", { auth: null })],
    ["other.test", proxy("other.test", { auth: { auth_enabled: true, auth_proxy: "auth.other.test" } })],
  ])
  const world = { ...emptyWorld(), objects: { ...emptyWorld().objects, proxy: proxies } }
  const config = { oauthAuthority: "auth.test:8443", publicHttpsPort: 8443 }
  const server = { projections: { world }, config } as unknown as AuthorizationServer
  const found = (uri: string) => findResource(server, uri)?.proxy.hostname
  expect(["https://a.test:8443", "https://a.test:8443/mcp"].map(found)).toEqual(["a.test", "a.test"])
  const strangers = ["https://a.test", "https://a.test:8443/other", "https://b.test:8443", "", "a.test"]
  const unprotected = ["https://off.test:8443", "https://open.test:8443", "https://other.test:8443"]
  expect([...strangers, ...unprotected].map(found)).toEqual(Array.from({ length: 8 }))
})
