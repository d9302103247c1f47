import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { apiToken, oauthNode, protectedProxy } from "./oauth-node.ts"
import { application, redis, redisOfFile, toProvider } from "./oidc-login.ts"
import type { OAuthNode } from "./oauth-node.ts"
import { type OidcStub, oidcStub } from "./oidc-stub.ts"
import { person } from "./person.ts"
import { registerClient, verifier } from "./flow.ts"

redisOfFile()

let node: OAuthNode
let stub: OidcStub
let resource: string

beforeAll(async () => {
  stub = await oidcStub()
  const env = {
    ...application,
    OIDC_ISSUER: stub.issuer,
    OIDC_NAME: "company",
    OIDC_ALLOWED_USERS: "group:staff",
    OAUTH_LOCAL_LOGIN: "true",
  }
  node = await oauthNode({ redisUrl: redis.url, env })
  await node.ensureSigningKey()
  await apiToken(node, "alice")
  resource = await protectedProxy(node, "mcp.test")
})

afterAll(async () => {
  await node?.stop()
  await stub?.stop()
})

describe("what an application says about the sign-in it wants", () => {
  const sent = async (overrides: object) => {
    const client = await registerClient(node)
    return (await toProvider(client, person(node), resource, verifier(), overrides)).searchParams
  }

  it("goes on to the provider: login_hint as it came, cut to 255 characters", async () => {
    expect((await sent({ login_hint: "ann&admin=1@example.org" })).get("login_hint")).toBe("ann&admin=1@example.org")
    expect((await sent({ login_hint: "x".repeat(400) })).get("login_hint")).toBe("x".repeat(255))
    expect((await sent({})).has("login_hint")).toBe(false)
  })

  it("asks for a proof of now with prompt=login and with max_age, and for none without", async () => {
    for (const wish of [{ prompt: "login" }, { max_age: "0" }, { max_age: "60" }]) {
      const parameters = await sent(wish)
      expect([parameters.get("prompt"), parameters.get("max_age")], JSON.stringify(wish)).toEqual(["login", "0"])
    }
    expect((await sent({ prompt: "consent" })).has("prompt")).toBe(false)
  })
})
