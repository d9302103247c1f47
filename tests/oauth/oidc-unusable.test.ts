import { type OAuthNode, oauthNode, protectedProxy } from "./oauth-node.ts"
import { person } from "./person.ts"
import { json, oidcStub } from "./oidc-stub.ts"
import { registerClient } from "./flow.ts"
import { afterEach, describe, expect, it } from "vitest"
import { freePort } from "../support/ports.ts"
import { redisOfFile, application, redis, toProvider } from "./oidc-login.ts"

redisOfFile()

describe("a provider that cannot be used", () => {
  let node: OAuthNode | undefined

  afterEach(async () => {
    await node?.stop()
    node = undefined
  })

  async function refused(issuer: string): Promise<string | undefined> {
    await redis.command("FLUSHALL")
    node = await oauthNode({
      redisUrl: redis.url,
      env: { ...application, OIDC_ISSUER: issuer, OIDC_ALLOWED_USERS: "*" },
    })
    await node.ensureSigningKey()
    const resource = await protectedProxy(node, "mcp.test")
    const sent = await toProvider(await registerClient(node), person(node), resource)
    expect([sent.origin, sent.searchParams.get("error")]).toEqual(["https://client.example", "server_error"])
    return /"reason":"(oidc_[a-z_]+)"/.exec(
      node.logLines.findLast((line) => line.includes("oauth_login_failed")) ?? "",
    )?.[1]
  }

  it("is away", async () => {
    expect(await refused(`http://127.0.0.1:${await freePort()}`)).toBe("oidc_unreachable")
  })

  it("describes another issuer, or nothing", async () => {
    const stub = await oidcStub()
    try {
      expect(await refused(`${stub.issuer}/`)).toBe("oidc_issuer_mismatch")
      await node?.stop()
      stub.answer("/.well-known/openid-configuration", json({ issuer: stub.issuer }))
      expect(await refused(stub.issuer)).toBe("oidc_malformed")
    } finally {
      await stub.stop()
    }
  })
})
