import { type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { type Person, formOf, person } from "./person.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import {
  type TestClient,
  type Tokens,
  approve,
  authorizePath,
  refreshing,
  registerClient,
  tokenRequest,
  verifier,
} from "./flow.ts"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { all } from "../../src/events/world.ts"
import { decodeJwt } from "jose"

let redis: RedisServer
let node: OAuthNode
let alice: string
let resource: string
let client: TestClient

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

beforeAll(async () => {
  redis = await redisServer()
  node = await oauthNode({ redisUrl: redis.url })
  await node.ensureSigningKey()
  alice = await apiToken(node, "alice")
  resource = await protectedProxy(node, "mcp.test")
  client = await registerClient(node, {
    redirect_uris: undefined,
    grant_types: [deviceGrant, "refresh_token"],
    client_name: "Terminal",
  })
})

const forgetRates = () =>
  redis.command("EVAL \"for _,k in ipairs(redis.call('keys','{gho}:rate:*')) do redis.call('del',k) end return 1\" 0")

beforeEach(forgetRates)

afterEach(() => {
  node.clock.offset = 0
  node.clock.at = undefined
})

afterAll(async () => {
  await node?.stop()
  await redis?.stop()
})

interface Asked {
  device_code: string
  user_code: string
  verification_uri: string
  verification_uri_complete: string
  expires_in: number
  interval: number
}

async function ask(form: Record<string, string | readonly string[]> = {}): Promise<Asked> {
  const answer = await send(node, "/device_authorization", { form: { client_id: client.client_id, resource, ...form } })
  expect(answer.status, answer.text).toBe(200)
  return answer.json()
}

const poll = (asked: Asked, form: Record<string, string> = {}) =>
  tokenRequest(node, { grant_type: deviceGrant, client_id: client.client_id, device_code: asked.device_code, ...form })
const errorOf = async (answer: ReturnType<typeof poll>) => {
  const { status, json } = await answer
  return [status, json()["error"]]
}
const enter = (who: Person, code: string) =>
  who.visit("/device", { form: { user_code: code }, headers: { origin: node.issuer } })

/** A person types the code, allows, and signs in. */
async function allow(asked: Asked, who: Person = person(node), decision: "allow" | "deny" = "allow") {
  const consent = await enter(who, asked.user_code)
  const decided = await who.submit(consent, { decision })
  if (decided.location?.pathname !== "/login") return decided
  return who.submit(await who.visit(decided.location.pathname + decided.location.search), { token: alice })
}

describe("a device", () => {
  it("gets a code for itself and one for its person", async () => {
    const answer = await send(node, "/device_authorization", { form: { client_id: client.client_id, resource } })
    expect(answer.headers["cache-control"]).toBe("no-store")
    expect(answer.headers["access-control-allow-origin"]).toBe("*")
    const asked = answer.json<Asked>()
    expect(asked).toEqual({
      device_code: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/) as string,
      user_code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/) as string,
      verification_uri: `${node.issuer}/device`,
      verification_uri_complete: `${node.issuer}/device?user_code=${asked.user_code}`,
      expires_in: 600,
      interval: 5,
    })
    const stored = await redis.command(
      "EVAL \"local t='' for _,k in ipairs(redis.call('keys','{gho}:*')) do t=t..k..redis.call('type',k).ok end return t\" 0",
    )
    expect(stored).not.toContain(asked.device_code)
  })

  it("goes from its code to tokens, and refreshes them", async () => {
    const asked = await ask({ scope: "mcp:read" })
    expect(await errorOf(poll(asked))).toEqual([400, "authorization_pending"])
    const who = person(node)
    const page = await who.visit(`/device?user_code=${asked.user_code}`)
    expect(page.text).toContain(`value="${asked.user_code}"`)
    const consent = await enter(who, asked.user_code.toLowerCase().replace("-", " "))
    expect(consent.text).toContain("<strong>Terminal</strong>")
    expect(consent.text).toContain("Did you start this?")
    expect(consent.text).toContain("from 127.0.0.1")
    expect(consent.text).toContain(asked.user_code)
    expect(consent.text).not.toContain("(mcp:write)")
    expect((await allow(asked, who)).text).toContain("Access granted")
    node.clock.offset = 6000
    const answer = await poll(asked)
    expect(answer.status, answer.text).toBe(200)
    const tokens = answer.json<Tokens>()
    expect(decodeJwt(tokens.access_token)).toMatchObject({ sub: "local-alice", aud: [resource], scope: "mcp:read" })
    expect((await tokenRequest(node, refreshing(client, tokens.refresh_token))).status).toBe(200)
    expect(await errorOf(poll(asked))).toEqual([400, "invalid_grant"])
  })

  it("gets its tokens once, however many ask at the same moment", async () => {
    const asked = await ask()
    await allow(asked)
    const answers = await Promise.all(Array.from({ length: 8 }, () => poll(asked)))
    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 400, 400, 400, 400, 400, 400, 400])
  })

  it("is told to slow down, by five more seconds each time", async () => {
    node.clock.at = Date.now()
    const asked = await ask()
    expect(await errorOf(poll(asked))).toEqual([400, "authorization_pending"])
    node.clock.offset = 4999
    expect(await errorOf(poll(asked))).toEqual([400, "slow_down"])
    node.clock.offset = 4999 + 9999
    expect(await errorOf(poll(asked))).toEqual([400, "slow_down"])
    node.clock.offset = 4999 + 9999 + 15_000
    expect(await errorOf(poll(asked))).toEqual([400, "authorization_pending"])
  })

  it("is told when its person refused, or took too long", async () => {
    const refused = await ask()
    expect((await allow(refused, person(node), "deny")).text).toContain("Access was not granted")
    expect(await errorOf(poll(refused))).toEqual([400, "access_denied"])
    const late = await ask()
    node.clock.offset = 601_000
    expect(await errorOf(poll(late))).toEqual([400, "expired_token"])
    expect((await enter(person(node), late.user_code)).status).toBe(400)
    node.clock.offset = 0
    const [asked, who] = [await ask(), person(node)]
    const consent = await enter(who, asked.user_code)
    node.clock.offset = 601_000
    const decided = await who.submit(consent, { decision: "allow" })
    const login = await who.visit(decided.location!.pathname + decided.location!.search)
    expect((await who.submit(login, { token: alice })).text).toContain("does not wait any more")
  })

  it("has a person who may not use the resource, and gets nothing", async () => {
    const closed = await protectedProxy(node, "closed.test", { auth_required_users: ["somebody-else"] })
    const asked = await ask({ resource: closed })
    expect((await allow(asked)).text).toContain("The device gets no access: the account alice may not use this")
    const told = await poll(asked)
    expect([told.status, told.json()["error"]]).toEqual([400, "access_denied"])
    expect(told.text, "the device learns no name").not.toContain("alice")
  })

  it("is bound to its client and its resources", async () => {
    const asked = await ask()
    await allow(asked)
    const other = await registerClient(node, { redirect_uris: undefined, grant_types: [deviceGrant] })
    expect(await errorOf(poll(asked, { client_id: other.client_id }))).toEqual([400, "invalid_grant"])
    expect(await errorOf(poll(asked, { resource: "https://other.test:8443/mcp" }))).toEqual([400, "invalid_target"])
    expect(await errorOf(poll(asked, { device_code: "x" }))).toEqual([400, "invalid_grant"])
    expect(await errorOf(poll(asked, { device_code: "" }))).toEqual([400, "invalid_request"])
    expect((await poll(asked, { resource })).status).toBe(200)
  })

  it("must be of a client that registered this grant, with scopes and resources that exist", async () => {
    const web = await registerClient(node)
    const form = (more: Record<string, string>) =>
      send(node, "/device_authorization", { form: { client_id: client.client_id, resource, ...more } })
    expect(await errorOf(form({ client_id: web.client_id }))).toEqual([400, "unauthorized_client"])
    expect(await errorOf(form({ client_id: "mcp_unknown_unknown" }))).toEqual([401, "invalid_client"])
    expect(await errorOf(form({ resource: "https://elsewhere.test" }))).toEqual([400, "invalid_target"])
    expect(await errorOf(form({ scope: "openid" }))).toEqual([400, "invalid_scope"])
    expect(
      await errorOf(tokenRequest(node, { grant_type: deviceGrant, client_id: web.client_id, device_code: "x" })),
    ).toEqual([400, "unauthorized_client"])
    const path = authorizePath({ ...client, redirect_uri: "https://client.example/cb" }, verifier(), { resource })
    expect([(await send(node, path)).status, (await send(node, path)).headers.location]).toEqual([400, undefined])
  })

  it("starts one grant, with no remembered consent, and asks a signed-in person all the same", async () => {
    const who = person(node)
    const signIn = await registerClient(node)
    await approve(node, authorizePath(signIn, verifier(), { resource }), alice, who)
    const grants = () => [...all(node.world, "grant")].filter(({ client_id }) => client_id === client.client_id).length
    const consents = () => node.world.objects.consent.size
    const before = [grants(), consents()]
    for (const round of [1, 2]) {
      const asked = await ask()
      const consent = await enter(who, asked.user_code)
      expect(consent.text).toContain("Signed in as</dt><dd>alice")
      expect((await who.submit(consent, { decision: "allow" })).text).toContain("Access granted")
      expect([grants(), consents()]).toEqual([before[0]! + round, before[1]!])
    }
  })
})

describe("the page for user codes", () => {
  it("takes its form from its own page only", async () => {
    const asked = await ask()
    const form = { user_code: asked.user_code }
    expect((await send(node, "/device", { form })).status).toBe(403)
    expect((await send(node, "/device", { form, headers: { origin: "https://evil.example" } })).status).toBe(403)
    expect((await send(node, `/device?user_code=${asked.user_code}`)).text).not.toContain("Allow access?")
  })

  it("shows what was typed as text", async () => {
    const answer = await send(node, `/device?user_code=${encodeURIComponent('"><script>alert(1)</script>')}`)
    expect(answer.text).not.toContain("<script>")
    expect((await enter(person(node), '"><b>')).text).not.toContain("<b>")
  })

  it("lets an address guess ten times a minute", async () => {
    const who = person(node)
    for (let i = 0; i < 10; i++) expect((await enter(who, "BBBB-BBBB")).status).toBe(400)
    const asked = await ask()
    expect((await enter(who, asked.user_code)).status).toBe(429)
  })

  it("cannot turn a decision round: a code is decided once", async () => {
    const asked = await ask()
    const [first, second] = [person(node), person(node)]
    const pages = [await enter(first, asked.user_code), await enter(second, asked.user_code)] as const
    expect((await first.submit(pages[0], { decision: "deny" })).text).toContain("Access was not granted")
    const grants = () => [...all(node.world, "grant")].length
    const before = grants()
    const decided = await second.submit(pages[1], { decision: "allow" })
    const login = await second.visit(decided.location!.pathname + decided.location!.search)
    expect(formOf(login).action).toBe("/login")
    expect((await second.submit(login, { token: alice })).text).toContain("does not wait any more")
    expect(grants(), "nothing is left of it").toBe(before)
    expect(await errorOf(poll(asked))).toEqual([400, "access_denied"])
  })
})
