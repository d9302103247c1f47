import { describe, expect, it } from "vitest"
import { alice, client, node, redis, resource, authorizeNode } from "./authorize-node.ts"
import { approve, authorizePath, challenge, registerClient, verifier } from "./flow.ts"
import { formOf, person } from "./person.ts"
import { oauthNode, send } from "./oauth-node.ts"

authorizeNode()

describe("what is wrong with an authorization request", () => {
  it("is told in one order, each fault before those behind it", async () => {
    const wrong: Record<string, string | readonly string[] | undefined> = {
      client_id: "mcp_unknown",
      redirect_uri: "https://evil.example/",
      extra: ["1", "2"],
      response_type: "token",
      code_challenge_method: "plain",
      resource: "https://nowhere.test/",
      scope: "nothing",
      prompt: "none login",
    }
    const right: typeof wrong = {
      client_id: client.client_id,
      redirect_uri: client.redirect_uri,
      extra: undefined,
      response_type: "code",
      code_challenge_method: "S256",
      resource,
      scope: "mcp:read",
      prompt: "none",
    }
    const told: unknown[] = []
    let asked = wrong
    for (const name of Object.keys(wrong)) {
      const answer = await send(node, authorizePath(client, verifier(), asked))
      told.push(answer.location?.searchParams.get("error") ?? answer.status)
      asked = { ...asked, [name]: right[name] }
    }
    const last = await send(node, authorizePath(client, verifier(), asked))
    expect([...told, last.location?.searchParams.get("error")]).toEqual([
      400,
      400,
      "invalid_request",
      "unsupported_response_type",
      "invalid_request",
      "invalid_target",
      "invalid_scope",
      "invalid_request",
      "login_required",
    ])
  })

  it("is not a parameter that nobody knows", async () => {
    const path = authorizePath(client, verifier(), { resource, ui_locales: "de", nonce: "n", made_up: "x" })
    expect((await approve(node, path, alice)).location!.searchParams.has("code")).toBe(true)
  })
})

describe("a transaction", () => {
  it("cannot skip the consent: what was not decided is no login", async () => {
    const who = person(node)
    const consent = formOf(await who.visit(authorizePath(client, verifier(), { resource })))
    const { transaction, csrf } = consent.hidden as { transaction: string; csrf: string }
    expect((await who.visit(`/login?transaction=${transaction}`)).status).toBe(400)
    const headers = { origin: node.issuer }
    expect((await who.visit("/login", { form: { transaction, csrf, token: alice }, headers })).status).toBe(400)
    who.cookies.set("__Host-gh_txn", "x".repeat(43))
    expect((await who.visit("/login", { form: { transaction, csrf, token: alice }, headers })).status).toBe(400)
  })

  it("lives ten minutes at most, whatever is configured", async () => {
    const env = { OAUTH_SESSION_TIMEOUT: "86400" }
    const patient = await oauthNode({ redisUrl: redis.url, masterKey: node.config.MASTER_KEY, decides: false, env })
    try {
      for (const key of await node.redis.keys("{gho}:consent:*")) await node.redis.del(key)
      await send(patient, authorizePath(client, verifier(), { resource }))
      const keys = await node.redis.keys("{gho}:consent:*")
      expect(keys).toHaveLength(1)
      expect(await node.redis.pttl(keys[0]!)).toBeLessThanOrEqual(600_000)
    } finally {
      await patient.stop()
    }
  })
})

describe("a signed-in browser", () => {
  it("has another session secret after each login, and the one before opens nothing", async () => {
    const who = person(node)
    await approve(node, authorizePath(client, verifier(), { resource }), alice, who)
    const first = who.cookies.get("__Host-gh_session")!
    await approve(node, authorizePath(client, verifier(), { resource, prompt: "login" }), alice, who)
    const second = who.cookies.get("__Host-gh_session")!
    expect(second).not.toBe(first)
    const status = async (cookie: string) =>
      (await send(node, "/account", { headers: { cookie: `__Host-gh_session=${cookie}` } })).status
    expect([await status(first), await status(second)]).toEqual([303, 200])
  })

  it("is not taken for somebody else's whose cookie was thrown in beside its own", async () => {
    const who = person(node)
    await approve(node, authorizePath(client, verifier(), { resource }), alice, who)
    const own = who.cookies.get("__Host-gh_session")!
    const status = async (cookie: string) => (await send(node, "/account", { headers: { cookie } })).status
    expect(await status(`a=b; __Host-gh_session=${own}`)).toBe(200)
    for (const tossed of [
      `__Host-gh_session=${"x".repeat(43)}; __Host-gh_session=${own}`,
      `__Host-gh_session=${own}; __Host-gh_session=${own}`,
      `__host-gh_session=${own}`,
      `__Host-gh_session ="${own}"`,
      `gh_session=${own}`,
    ])
      expect(await status(tossed), tossed).toBe(303)
  })
})

describe("consent", () => {
  it("is asked for clients that an administrator set up as for every other", async () => {
    const client_id = "mcp_administrators_own"
    const redirect_uri = "https://admin.example/cb"
    const metadata = {
      client_name: "Set up by hand",
      redirect_uris: [redirect_uri],
      grant_types: ["authorization_code"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    }
    await node.execute("CreateClient", { client_id, metadata, secret_hash: null })
    const own = { client_id, redirect_uri, registration_access_token: "" }
    const who = person(node)
    const page = await who.visit(authorizePath(own, verifier(), { resource }))
    expect([page.status, page.text.includes("Set up by hand"), who.cookies.size]).toEqual([200, true, 0])
  })

  it("given to one client's form is worth nothing for another's", async () => {
    const other = await registerClient(node, { client_name: "Other" })
    const who = person(node)
    const mine = formOf(await who.visit(authorizePath(client, verifier(), { resource })))
    const theirs = formOf(await who.visit(authorizePath(other, verifier(), { resource })))
    const form = { ...mine.hidden, csrf: theirs.hidden["csrf"]!, decision: "allow" }
    expect((await who.visit("/consent", { form, headers: { origin: node.issuer } })).status).toBe(403)
    const twice = { ...mine.hidden, decision: ["deny", "allow"] }
    expect((await who.visit("/consent", { form: twice, headers: { origin: node.issuer } })).status).toBe(400)
  })

  it("needs a challenge of exactly 43 characters of its alphabet", async () => {
    const status = async (code_challenge: string) =>
      (await send(node, authorizePath(client, verifier(), { resource, code_challenge }))).status
    const good = challenge("v".repeat(43))
    expect(await status(good)).toBe(200)
    for (const bad of [good.slice(1), `${good}A`, good.replace(/^./, "+"), good.replace(/^./, "é")])
      expect(await status(bad), bad).toBe(303)
  })
})
