import { type RunningApi, conforming, issue, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { sha256 } from "../../../src/platform/ids.ts"

let api: RunningApi
let alice: string
beforeAll(async () => {
  api = await runningApi()
  alice = await api.token("alice")
})
afterAll(() => api.stop())

const tokens = "/api/v1/tokens"
const proxy = (hostname: string) => ({ hostname, target_url: "http://93.184.216.34", enable_https: false })

describe("creating a token", () => {
  test.each(["", "/generate"])("by POST /tokens%s gives its value once", async (suffix) => {
    const name = `made${suffix.replace("/", "-")}`
    const { status, headers, body } = await api.call("POST", `${tokens}${suffix}`, {
      name,
      cert_email: "made@example.com",
    })
    conforming("createToken", body)
    expect([status, headers.get("location"), headers.get("cache-control")]).toEqual([
      201,
      `${tokens}/${name}`,
      "no-store",
    ])
    expect(body["token"]).toMatch(/^acm_[\w-]{43}$/)
    expect(body).toMatchObject({ name, cert_email: "made@example.com", hash: sha256(body["token"] as string) })
    const info = await api.call("GET", `${tokens}/info`, undefined, {}, body["token"] as string)
    expect(info.body["name"]).toBe(name)
  })

  test.each([
    ["a name that is taken, in any case", { name: "ALICE" }, 409, "already_exists"],
    ["a reserved name", { name: "Info" }, 422, "reserved_name"],
    ["the name of the administrator", { name: "admin" }, 422, "reserved_name"],
    ["a name that is none", { name: "-x" }, 422, "validation_failed"],
    ["an e-mail that is none", { name: "ok", cert_email: "x" }, 422, "validation_failed"],
  ])("is refused for %s", async (_, body, status, code) => {
    const answer = await api.call("POST", tokens, body)
    expect([answer.status, answer.body["code"]]).toEqual([status, code])
  })

  test("keeps the value out of the log, the outcome and every view", async () => {
    const created = await api.call("POST", tokens, { name: "quiet" }, { "idempotency-key": "quiet" })
    const value = created.body["token"] as string
    const stored = JSON.stringify([
      await api.store.read(0, 1000),
      (await api.call("GET", tokens)).body,
      (await api.call("GET", `${tokens}/quiet`)).body,
      (await api.call("GET", "/api/v1/events")).body,
      api.logged,
    ])
    expect(stored).toContain("quiet")
    expect(stored).not.toContain(value)
    for (const stream of ["commands", "events", "outcomes"])
      expect(await api.redis.command(`XRANGE {gh}:${stream} - +`)).not.toContain(value)
  })
})

describe("showing tokens", () => {
  test("lists them newest first, with what they own, never their values", async () => {
    await api.call("POST", "/api/v1/proxy/targets", proxy("owned.example.com"), {}, alice)
    const { body } = await api.call<{ tokens: { name: string; proxy_count: number; token_preview: string }[] }>(
      "GET",
      tokens,
    )
    conforming("listTokens", body)
    expect(body.tokens.at(-1)!.name).toBe("ADMIN")
    const shown = body.tokens.find(({ name }) => name === "alice")!
    expect(shown.proxy_count).toBe(1)
    expect(shown.token_preview).toBe(`${alice.slice(0, 8)}…${alice.slice(-4)}`)
    const byName = await api.call<{ tokens: { name: string }[] }>("GET", `${tokens}?sort_by=name&order=asc&per_page=2`)
    expect(byName.body.tokens.map(({ name }) => name)).toEqual(["ADMIN", "alice"])
  })

  test("shows one to an administrator and to itself", async () => {
    const own = await api.call("GET", `${tokens}/alice`, undefined, {}, alice)
    conforming("getToken", own.body)
    expect(own.body).toMatchObject({ name: "alice", proxies: ["owned.example.com"], certificates: [], is_admin: false })
    expect((await api.call("GET", `${tokens}/Alice`)).body).toEqual(own.body)
    const foreign = await api.call("GET", `${tokens}/ADMIN`, undefined, {}, alice)
    expect([foreign.status, foreign.body["code"]]).toEqual([403, "admin_required"])
    expect((await api.call("GET", `${tokens}/nobody`, undefined, {}, alice)).status).toBe(403)
    expect((await api.call("GET", `${tokens}/nobody`)).status).toBe(404)
  })

  test("tells a caller who they are", async () => {
    const info = await api.call("GET", `${tokens}/info`, undefined, {}, alice)
    conforming("getTokenInfo", info.body)
    expect(info.body).toMatchObject({ name: "alice", is_admin: false, hash_preview: `${sha256(alice).slice(0, 15)}…` })
    expect((await api.call("GET", `${tokens}/info`)).body).toMatchObject({ name: "ADMIN", is_admin: true })
  })

  test("lists what one owns, with the environment of its certificates", async () => {
    const bob = await api.token("bob")
    await api.call("POST", "/api/v1/certificates", { domain: "bob.internal", cert_name: "bobs" }, {}, bob)
    await issue(api, "bobs")
    await api.call("POST", "/api/v1/proxy/targets", { ...proxy("bob.internal"), enable_https: true }, {}, bob)
    await api.call("POST", "/api/v1/proxy/targets", proxy("plain.example.com"), {}, bob)
    const certificates = await api.call("GET", `${tokens}/bob/certificates`, undefined, {}, bob)
    conforming("listTokenCertificates", certificates.body)
    expect(certificates.body["certificates"]).toMatchObject([
      { cert_name: "bobs", environment: "internal", status: "active", attached_to: ["bob.internal"] },
    ])
    const proxies = await api.call("GET", `${tokens}/bob/proxies`)
    conforming("listTokenProxies", proxies.body)
    expect(proxies.body["proxies"]).toMatchObject([
      { hostname: "bob.internal", environment: "internal" },
      { hostname: "plain.example.com", environment: null },
    ])
    for (const kind of ["certificates", "proxies"])
      expect((await api.call("GET", `${tokens}/bob/${kind}`, undefined, {}, alice)).status).toBe(403)
  })
})

describe("revealing a token", () => {
  test("needs a confirmation, and is an event with who and from where", async () => {
    const unconfirmed = await api.call("GET", `${tokens}/alice/reveal`)
    expect([unconfirmed.status, unconfirmed.body["code"]]).toEqual([422, "confirmation_required"])
    const { status, headers, body } = await api.call("GET", `${tokens}/alice/reveal?confirm=true`)
    conforming("revealToken", body)
    expect([status, headers.get("cache-control"), body["token"]]).toEqual([200, "no-store", alice])
    const [event] = await api.store.read(Number(headers.get("x-event-position")) - 1, 1)
    expect(event).toMatchObject({
      type: "TokenRevealed",
      id: "alice",
      data: { by: "ADMIN" },
      meta: { ip: "127.0.0.1" },
    })
  })

  test("is for administrators, even of one's own", async () => {
    expect((await api.call("GET", `${tokens}/alice/reveal?confirm=true`, undefined, {}, alice)).status).toBe(403)
  })

  test("is impossible for the administrator's token from the environment, and for none", async () => {
    const admin = await api.call("GET", `${tokens}/ADMIN/reveal?confirm=true`)
    expect([admin.status, admin.body["code"]]).toEqual([409, "not_revealable"])
    expect((await api.call("GET", `${tokens}/nobody/reveal?confirm=true`)).status).toBe(404)
  })
})

describe("setting the e-mail", () => {
  test("changes one's own token, under either name of the field", async () => {
    const { status, body } = await api.call("PUT", `${tokens}/email`, { email: "a1@example.com" }, {}, alice)
    conforming("updateTokenEmail", body)
    expect([status, body["name"], body["cert_email"]]).toEqual([200, "alice", "a1@example.com"])
    await api.call("PUT", `${tokens}/email`, { cert_email: null }, {}, alice)
    expect((await api.call("GET", `${tokens}/info`, undefined, {}, alice)).body["cert_email"]).toBeNull()
    expect(
      (await api.call("PUT", `${tokens}/email`, { cert_email: null, email: "a@example.com" }, {}, alice)).status,
    ).toBe(422)
    expect((await api.call("PUT", `${tokens}/email`, {}, {}, alice)).status).toBe(422)
  })

  test("of another token is for administrators; the same value again is no event", async () => {
    const mine = await api.call("PUT", `${tokens}/email`, { email: "x@example.com", name: "ADMIN" }, {}, alice)
    expect([mine.status, mine.body["code"]]).toEqual([403, "admin_required"])
    await api.call("PUT", `${tokens}/email`, { email: "x@example.com", name: "Alice" })
    const { position } = await api.store.head()
    expect((await api.call("PUT", `${tokens}/email`, { email: "x@example.com", name: "alice" })).status).toBe(200)
    expect((await api.store.head()).position).toBe(position)
  })
})

describe("deleting a token", () => {
  beforeAll(async () => {
    const carol = await api.token("carol")
    await api.call("POST", "/api/v1/certificates", { domain: "carol.test", cert_name: "carols" }, {}, carol)
    await api.call("POST", "/api/v1/proxy/targets", proxy("carol.example.com"), {}, carol)
  })
  const deleted = {
    proxies: ["carol.example.com"],
    certificates: ["carols"],
    routes: [],
    services: [],
    instances: [],
    resources: [],
    webhooks: [],
  }

  test("can be tried first", async () => {
    const { status, body } = await api.call("DELETE", `${tokens}/carol?dry_run=true`)
    conforming("deleteToken", body)
    expect([status, body["dry_run"], body["deleted_resources"]]).toEqual([200, true, deleted])
    expect((await api.call("GET", `${tokens}/carol`)).status).toBe(200)
  })

  test("without cascade is refused while it owns something", async () => {
    const { status, body } = await api.call("DELETE", `${tokens}/carol?cascade=false`)
    expect([status, body["code"], body["references"]]).toEqual([409, "owns_resources", ["carol.example.com", "carols"]])
  })

  test("is refused with the first five of what it owns", async () => {
    const erin = await api.token("erin")
    const target_url = "http://93.184.216.34"
    for (const name of ["e1", "e2", "e3", "e4", "e5", "e6", "e7"])
      await api.call("POST", "/api/v1/instances", { name, target_url }, {}, erin)
    const { body } = await api.call("DELETE", `${tokens}/erin?cascade=false`)
    expect([body["code"], body["references"]]).toEqual(["owns_resources", ["e1", "e2", "e3", "e4", "e5"]])
  })

  test("takes everything along in one step", async () => {
    const { status, body } = await api.call("DELETE", `${tokens}/carol`)
    conforming("deleteToken", body)
    expect([status, body["dry_run"], body["deleted_resources"]]).toEqual([200, false, deleted])
    expect((await api.call("GET", `${tokens}/carol`)).status).toBe(404)
    expect((await api.call("GET", "/api/v1/certificates/carols")).status).toBe(404)
    expect((await api.call("DELETE", `${tokens}/carol`)).status).toBe(404)
  })

  test("can give everything to another token", async () => {
    const dave = await api.token("dave")
    await api.call("POST", "/api/v1/proxy/targets", proxy("dave.example.com"), {}, dave)
    const { body } = await api.call("DELETE", `${tokens}/dave?reassign_to=alice`)
    conforming("deleteToken", body)
    expect(body["reassigned"]).toBe(1)
    expect((await api.call("GET", "/api/v1/proxy/targets/dave.example.com", undefined, {}, alice)).body["owner"]).toBe(
      "alice",
    )
    expect((await api.call("DELETE", `${tokens}/alice?reassign_to=nobody`)).status).toBe(422)
  })

  test("of the administrator is refused", async () => {
    const { status, body } = await api.call("DELETE", `${tokens}/ADMIN`)
    expect([status, body["code"]]).toEqual([409, "protected"])
  })
})
