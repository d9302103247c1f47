import { oauthNode, send } from "./oauth-node.ts"
import { formOf, person } from "./person.ts"
import { authorizePath, registerClient, verifier } from "./flow.ts"
import { describe, expect, it } from "vitest"
import { authorizeNode, redis, node, resource, client } from "./authorize-node.ts"

authorizeNode()

describe("the consent page", () => {
  it("shows markup of a client as text", async () => {
    const hostile = await registerClient(node, { client_name: `<img src=x onerror="alert(1)">'&\u202etxt` })
    const { text } = await send(node, authorizePath(hostile, verifier(), { resource }))
    expect(text).toContain("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&#39;&amp;txt")
    expect(text).not.toContain("<img")
  })

  it("warns of clients that live on the person's own computer", async () => {
    const native = await registerClient(node, { redirect_uris: ["http://127.0.0.1/cb"] })
    expect((await send(node, authorizePath(native, verifier(), { resource }))).text).toContain("your own computer")
    expect((await send(node, authorizePath(client, verifier(), { resource }))).text).not.toContain("your own computer")
  })

  it("lets its form lead to the client and nowhere else", async () => {
    const { headers } = await send(node, authorizePath(client, verifier(), { resource }))
    expect(headers["content-security-policy"]).toMatch(/; form-action 'self' https:\/\/client\.example$/)
  })

  it("may be loaded twice", async () => {
    const who = person(node)
    const path = authorizePath(client, verifier(), { resource })
    const [first, second] = [await who.visit(path), await who.visit(path)]
    expect((await who.submit(first, { decision: "allow" })).status).toBe(303)
    expect((await who.submit(second, { decision: "allow" })).status).toBe(303)
  })

  it("sends a refusal to the client", async () => {
    const who = person(node)
    const denied = await who.submit(await who.visit(authorizePath(client, verifier(), { resource })), {
      decision: "deny",
    })
    expect(denied.location!.searchParams.get("error")).toBe("access_denied")
    expect(denied.location!.searchParams.get("iss")).toBe(node.issuer)
    expect(who.cookies.size).toBe(0)
  })

  it.each([
    ["another site", { origin: "https://evil.example" }],
    ["another port", { origin: "https://auth.localhost" }],
    ["plain http", { origin: "http://auth.localhost:8443" }],
    ["a page without an origin", { origin: "null" }],
    ["a sandboxed page of another site", { origin: "null", "sec-fetch-site": "cross-site" }],
    ["another site that a browser takes for ours", { origin: "https://evil.example", "sec-fetch-site": "same-origin" }],
    [
      "our name that a browser takes for another site",
      { origin: "https://auth.localhost:8443", "sec-fetch-site": "cross-site" },
    ],
    ["something that says nothing of where it comes from", { origin: "" }],
  ])("takes no decision from %s", async (_what, { origin, ...headers }) => {
    const who = person(node)
    const consent = await who.visit(authorizePath(client, verifier(), { resource }))
    const { action, hidden } = formOf(consent)
    const form = { ...hidden, decision: "allow" }
    const answer = await who.visit(action, { form, headers: { ...headers, ...(origin !== "" && { origin }) } })
    expect(answer.status).toBe(403)
    expect((await who.submit(consent, { decision: "allow" })).status, "the real decision still counts").toBe(303)
  })

  it("takes the decision that a browser sends from a page without referrer", async () => {
    const who = person(node)
    const consent = await who.visit(authorizePath(client, verifier(), { resource }))
    const headers = { origin: "null", "sec-fetch-site": "same-origin" }
    expect((await who.submit(consent, { decision: "allow" }, headers)).status).toBe(303)
  })

  it("takes one decision, with the token of its own form", async () => {
    const who = person(node)
    const consent = await who.visit(authorizePath(client, verifier(), { resource }))
    const other = formOf(await who.visit(authorizePath(client, verifier(), { resource })))
    expect((await who.submit(consent, { decision: "allow", csrf: other.hidden["csrf"]! })).status).toBe(403)
    expect((await who.submit(consent, { decision: "allow", csrf: "" })).status).toBe(403)
    expect((await who.submit(consent, { decision: "maybe" })).status).toBe(400)
    expect((await who.submit(consent, { decision: "allow" })).status).toBe(303)
    expect((await who.submit(consent, { decision: "allow" })).status).toBe(400)
    expect((await who.submit(consent, { decision: "deny" })).status).toBe(400)
  })

  it("expires", async () => {
    const short = await oauthNode({
      redisUrl: redis.url,
      masterKey: node.config.MASTER_KEY,
      decides: false,
      env: { OAUTH_SESSION_TIMEOUT: "60" },
    })
    try {
      const ttl = await redis.command(
        "EVAL \"local n=0 for _,k in ipairs(redis.call('keys','{gho}:consent:*')) do if redis.call('pttl',k)<=60000 then n=n+1 end end return n\" 0",
      )
      expect(ttl).toContain(":0")
      await send(short, authorizePath(client, verifier(), { resource }))
      const after = await redis.command(
        "EVAL \"local n=0 for _,k in ipairs(redis.call('keys','{gho}:consent:*')) do if redis.call('pttl',k)<=60000 then n=n+1 end end return n\" 0",
      )
      expect(after).toContain(":1")
    } finally {
      await short.stop()
    }
  })
})
