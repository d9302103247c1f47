import { type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { type Person, formOf, person } from "./person.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import {
  type TestClient,
  type Tokens,
  approve,
  authorizePath,
  redemption,
  refreshing,
  registerClient,
  tokenRequest,
  verifier,
} from "./flow.ts"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { all } from "../../src/events/world.ts"

let redis: RedisServer
let node: OAuthNode
let alice: string
let bob: string
let resource: string
let second: string

beforeAll(async () => {
  redis = await redisServer()
  node = await oauthNode({ redisUrl: redis.url })
  await node.ensureSigningKey()
  alice = await apiToken(node, "alice")
  bob = await apiToken(node, "bob")
  resource = await protectedProxy(node, "mcp.test")
  second = await protectedProxy(node, "second.test")
})

afterEach(() => {
  node.clock.offset = 0
})

afterAll(async () => {
  await node?.stop()
  await redis?.stop()
})

/** Signs in without any application. */
async function signedIn(apiToken: string): Promise<Person> {
  const who = person(node)
  const login = await who.visit("/account")
  expect(login.location?.pathname).toBe("/login")
  const done = await who.submit(await who.visit(login.location!.pathname + login.location!.search), { token: apiToken })
  expect([done.status, done.location?.pathname]).toEqual([303, "/account"])
  return who
}

const ask = (client: TestClient, overrides: Record<string, string | readonly string[] | undefined> = {}) =>
  authorizePath(client, verifier(), { resource, ...overrides })

/** Allows a client in a browser, and redeems the code. */
async function allowed(who: Person, client: TestClient, token: string, scope?: string): Promise<Tokens> {
  const codeVerifier = verifier()
  const path = authorizePath(client, codeVerifier, { resource, ...(scope !== undefined && { scope }) })
  const code = (await approve(node, path, token, who)).location!.searchParams.get("code")!
  return (await tokenRequest(node, redemption(client, code, codeVerifier))).json()
}

const grantsOf = (client: TestClient) =>
  [...all(node.world, "grant")].filter(({ client_id }) => client_id === client.client_id)
const bearer = async (token: string) =>
  (await send(node, "/verify", { headers: { authorization: `Bearer ${token}` } })).status

describe("the account page", () => {
  it("is for somebody who is signed in, and shows what they allowed and nothing of others", async () => {
    const client = await registerClient(node, { client_name: "<b>Bold</b> client" })
    const other = await registerClient(node, { client_name: "Bob's client" })
    await allowed(person(node), client, alice, "mcp:read")
    await allowed(person(node), other, bob)
    const page = await (await signedIn(alice)).visit("/account")
    expect(page.status).toBe(200)
    expect(page.text).toContain("Signed in as <strong>alice</strong> (local-alice)")
    expect(page.text).toContain("&lt;b&gt;Bold&lt;/b&gt; client")
    expect(page.text).toContain(client.client_id)
    expect(page.text).toContain(resource)
    expect(page.text).toContain("Last renewed")
    expect(page.text).not.toContain("Bob&#39;s client")
    expect(page.headers["cache-control"]).toBe("no-store")
  })

  it("takes a grant back: its tokens stop at once, its refresh token too, and the application has to ask again", async () => {
    const client = await registerClient(node, { client_name: "Taken back" })
    const who = await signedIn(alice)
    const tokens = await allowed(who, client, alice)
    expect((await who.visit(ask(client))).status).toBe(303)
    expect(await bearer(tokens.access_token)).toBe(200)
    for (const { grant_id } of grantsOf(client)) {
      const { hidden } = formOf(await who.visit("/account"))
      const answer = await who.visit("/account", {
        form: { csrf: hidden["csrf"]!, grant: grant_id },
        headers: { origin: node.issuer },
      })
      expect([answer.status, answer.location?.pathname]).toEqual([303, "/account"])
    }
    expect(grantsOf(client)).toEqual([])
    expect(await bearer(tokens.access_token)).toBe(401)
    expect((await tokenRequest(node, refreshing(client, tokens.refresh_token))).json()["error"]).toBe("invalid_grant")
    expect((await who.visit(ask(client))).status).toBe(200)
  })

  it("changes nothing without its own origin, its form's token, or for a grant of somebody else", async () => {
    const client = await registerClient(node)
    await allowed(person(node), client, bob)
    const who = await signedIn(alice)
    const grant = grantsOf(client)[0]!.grant_id
    const { csrf } = formOf(await who.visit("/account")).hidden as { csrf: string }
    const post = async (form: Record<string, string>, headers: Record<string, string>) =>
      (await who.visit("/account", { form, headers })).status
    expect(await post({ csrf, grant }, {})).toBe(403)
    expect(await post({ csrf, grant }, { origin: "https://evil.example" })).toBe(403)
    expect(await post({ csrf: "x", grant }, { origin: node.issuer })).toBe(403)
    expect(await post({ grant }, { origin: node.issuer })).toBe(403)
    expect(await post({ csrf, grant }, { origin: node.issuer })).toBe(404)
    expect(await post({ csrf, grant: "unknown-grant" }, { origin: node.issuer })).toBe(303)
    expect(grantsOf(client)).toHaveLength(1)
  })
})

describe("signing out", () => {
  it("asks first, and then ends the session and leaves the applications alone", async () => {
    const client = await registerClient(node)
    const who = await signedIn(alice)
    const { access_token } = await allowed(who, client, alice)
    const stolen = new Map(who.cookies)
    const page = await who.visit("/logout")
    expect((await who.visit("/account")).status).toBe(200)
    const done = await who.submit(page, {})
    expect(done.text).toContain("Signed out")
    expect(done.headers["set-cookie"]?.[0]).toMatch(
      /^__Host-gh_session=; Max-Age=0; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
    )
    const replay = person(node)
    stolen.forEach((value, name) => replay.cookies.set(name, value))
    expect((await replay.visit("/account")).location?.pathname).toBe("/login")
    expect(await bearer(access_token)).toBe(200)
    const ended = [...all(node.world, "browser-session")]
    expect(ended.at(-1)).toMatchObject({ subject: "local-alice", reason: "user" })
  })

  it("needs its own origin and its form's token; without a session there is nothing to end", async () => {
    const who = await signedIn(alice)
    const { csrf } = formOf(await who.visit("/logout")).hidden as { csrf: string }
    expect((await who.visit("/logout", { form: { csrf } })).status).toBe(403)
    expect((await who.visit("/logout", { form: { csrf: "x" }, headers: { origin: node.issuer } })).status).toBe(403)
    expect((await who.visit("/account")).status).toBe(200)
    expect((await send(node, "/logout")).text).toContain("Signed out")
    expect((await send(node, "/logout", { form: { csrf }, headers: { origin: node.issuer } })).status).toBe(200)
  })

  it("can be done for somebody by an administrator, who does not know the cookie", async () => {
    const who = await signedIn(alice)
    const index = await redis.command("ZRANGE {gho}:index:session 0 -1")
    const session_id = [...index.matchAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g)].at(-1)![0]
    const expires_at = new Date(Date.now() + 7 * 86_400_000).toISOString()
    await node.execute("EndBrowserSession", { session_id, subject: "local-alice", expires_at, reason: "admin" })
    expect((await who.visit("/account")).location?.pathname).toBe("/login")
    await node.execute("ForgetBrowserSessions", { session_ids: [session_id] })
    expect(node.world.objects["browser-session"].has(session_id)).toBe(true)
  })

  it("lasts eight hours unused and seven days in any case", async () => {
    const who = await signedIn(alice)
    node.clock.offset = 7 * 86_400_000 - 60_000
    expect((await who.visit("/account")).status).toBe(200)
    node.clock.offset = 7 * 86_400_000 + 1000
    expect((await who.visit("/account")).location?.pathname).toBe("/login")
  })
})

describe("consent that is remembered", () => {
  it("is for the same client, return address and resources, and no more scopes", async () => {
    const client = await registerClient(node, {
      redirect_uris: ["https://client.example/a", "https://client.example/b"],
    })
    const who = person(node)
    await approve(node, ask(client, { scope: "mcp:read" }), alice, who)
    const status = async (overrides: Record<string, string | readonly string[] | undefined>) =>
      (await who.visit(ask(client, { scope: "mcp:read", ...overrides }))).status
    expect(await status({})).toBe(303)
    expect(await status({ scope: "mcp:read mcp:write" })).toBe(200)
    expect(await status({ redirect_uri: "https://client.example/b" })).toBe(200)
    expect(await status({ resource: second })).toBe(200)
    expect(await status({ resource: [resource, second] })).toBe(200)
    expect(await status({ prompt: "consent" })).toBe(200)
    expect(await status({ prompt: "login" })).toBe(200)
    expect(await status({ max_age: "0" })).toBe(200)
    expect(await status({})).toBe(303)
    const stranger = person(node)
    await approve(node, ask(client, { scope: "mcp:read", resource: second }), bob, stranger)
    expect((await stranger.visit(ask(client, { scope: "mcp:read" }))).status).toBe(200)
  })

  it("is asked for again when the client calls itself something else", async () => {
    const client = await registerClient(node)
    const who = person(node)
    await approve(node, ask(client), alice, who)
    expect((await who.visit(ask(client))).status).toBe(303)
    const headers = { authorization: `Bearer ${client.registration_access_token}` }
    const json = {
      client_id: client.client_id,
      client_name: "Your bank",
      redirect_uris: [client.redirect_uri],
      token_endpoint_auth_method: "none",
    }
    expect((await send(node, `/register/${client.client_id}`, { method: "PUT", json, headers })).status).toBe(200)
    expect((await who.visit(ask(client))).text).toContain("Your bank")
  })

  it("holds what the person left in, and asks again for what they left out", async () => {
    const client = await registerClient(node)
    const who = person(node)
    const codeVerifier = verifier()
    const consent = await who.visit(
      authorizePath(client, codeVerifier, { resource, scope: "mcp:read mcp:write offline_access" }),
    )
    const decided = await who.submit(consent, { decision: "allow", without: "mcp:write" })
    const login = await who.visit(decided.location!.pathname + decided.location!.search)
    const code = (await who.submit(login, { token: alice })).location!.searchParams.get("code")!
    expect((await tokenRequest(node, redemption(client, code, codeVerifier))).json()["scope"]).toBe(
      "mcp:read offline_access",
    )
    expect((await who.visit(ask(client, { scope: "mcp:read" }))).status).toBe(303)
    expect((await who.visit(ask(client, { scope: "mcp:read mcp:write" }))).status).toBe(200)
  })

  it("cannot be widened by the form, and is a refusal when nothing is left", async () => {
    const client = await registerClient(node)
    const who = await signedIn(alice)
    const submit = async (form: Record<string, string | readonly string[]>) => {
      const consent = await who.visit(ask(client, { scope: "mcp:read", prompt: "consent" }))
      return who.visit("/consent", {
        form: { ...formOf(consent).hidden, decision: "allow", ...form },
        headers: { origin: node.issuer },
      })
    }
    const widened = await submit({ scope: "mcp:read mcp:write mcp:admin", without: "" })
    expect(widened.location!.searchParams.get("code")).not.toBeNull()
    expect(grantsOf(client).at(-1)!.scope).toBe("mcp:read")
    const nothing = await submit({ without: ["mcp:read", "mcp:write"] })
    expect(nothing.location!.searchParams.get("error")).toBe("access_denied")
  })
})

describe("scopes that are not for everybody", () => {
  it("are given to those whom a rule names, at the login and at every refresh", async () => {
    const mcp = {
      mcp_scopes: ["mcp:read", "mcp:write", "mcp:admin"],
      mcp_scope_rules: [
        { scope: "mcp:admin", users: ["alice"] },
        { scope: "mcp:write", users: ["local-alice"] },
        { scope: "mcp:write", groups: ["writers"] },
      ],
    }
    const ruled = await protectedProxy(node, "ruled.test", {}, mcp)
    const client = await registerClient(node)
    const tokens = async (who: string, scope: string) => {
      const codeVerifier = verifier()
      const path = authorizePath(client, codeVerifier, { resource: ruled, scope })
      const answer = await approve(node, path, who)
      const code = answer.location!.searchParams.get("code")
      if (code === null) return answer.location!.searchParams.get("error")
      return (await tokenRequest(node, redemption(client, code, codeVerifier))).json<Tokens>()
    }
    const all = "mcp:read mcp:write mcp:admin"
    const hers = (await tokens(alice, all)) as Tokens
    expect(hers.scope).toBe(all)
    expect(((await tokens(bob, all)) as Tokens).scope).toBe("mcp:read")
    expect(await tokens(bob, "mcp:admin")).toBe("access_denied")
    await node.execute("SetProxyMcp", {
      hostname: "ruled.test",
      mcp: { ...mcp, mcp_scope_rules: [{ scope: "mcp:write", users: ["bob"] }] },
    })
    expect((await tokenRequest(node, refreshing(client, hers.refresh_token))).json()["scope"]).toBe("mcp:read")
  })
})
