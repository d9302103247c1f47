import { type RunningApi, conforming, issue, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"

let api: RunningApi
let alice: string
let bob: string
beforeAll(async () => {
  api = await runningApi()
  alice = await api.token("alice")
  bob = await api.token("bob")
})
afterAll(() => api.stop())

const base = "/api/v1/proxy/targets"
const target_url = "http://93.184.216.34:3000"
const create = (hostname: string, extra: object = {}, token: string | null = alice) =>
  api.call("POST", base, { hostname, target_url, ...extra }, {}, token)

describe("creating a proxy", () => {
  test("requests a certificate in the same step", async () => {
    const { status, headers, body } = await create("Auto.internal")
    conforming("createProxy", body)
    expect([status, headers.get("location")]).toEqual([201, `${base}/auto.internal`])
    expect(body).toMatchObject({ certificate_status: "started", cert_name: "proxy-auto-internal" })
    expect(body["proxy_target"]).toMatchObject({
      hostname: "auto.internal",
      owner: "alice",
      certificate_status: "pending",
      enabled: true,
    })
    const position = Number(headers.get("x-event-position"))
    const events = await api.store.read(position - 2, 2)
    expect(events.map(({ type }) => type)).toEqual(["CertificateRequested", "ProxyCreated"])
  })

  test("takes a certificate that is there, or none where HTTPS is off", async () => {
    await issue(api, "proxy-auto-internal")
    await api.call("DELETE", `${base}/auto.internal`, undefined, {}, alice)
    expect((await create("auto.internal")).body).toMatchObject({
      certificate_status: "existing",
      cert_name: "proxy-auto-internal",
    })
    expect((await create("plain.internal", { enable_https: false })).body).toMatchObject({
      certificate_status: "not_required",
      cert_name: null,
    })
  })

  test.each([
    ["a host that is taken", { hostname: "auto.internal" }, 409, "already_exists"],
    ["a host of Gatehouse's own", { hostname: "auth.localhost" }, 422, "reserved_name"],
    ["a host that is none", { hostname: "no_host" }, 422, "validation_failed"],
    ["a wildcard", { hostname: "*.example.com" }, 422, "validation_failed"],
    ["a target on loopback", { target_url: "http://127.0.0.1:9000" }, 422, "forbidden_target"],
    ["a target with credentials", { target_url: "http://a:b@93.184.216.34" }, 422, "validation_failed"],
    ["a target of another scheme", { target_url: "file:///etc/passwd" }, 422, "validation_failed"],
    ["no scheme at all", { enable_http: false, enable_https: false }, 422, "validation_failed"],
    ["a certificate that does not cover it", { cert_name: "proxy-auto-internal" }, 422, "certificate_not_covering"],
    ["a certificate that is none", { cert_name: "nothing" }, 422, "validation_failed"],
    ["a header of Gatehouse's own", { custom_headers: { "X-Auth-User-Id": "root" } }, 422, "validation_failed"],
    ["the same in other letters", { custom_headers: { x_auth_user_id: "root" } }, 422, "validation_failed"],
    ["a header with a line break", { custom_headers: { "X-A": "a\r\nb: c" } }, 422, "validation_failed"],
    ["an owner, from one who is no administrator", { owner: "bob" }, 403, "admin_required"],
    ["auth settings", { auth_enabled: true }, 422, "validation_failed"],
    ["a version", { version: 1 }, 422, "validation_failed"],
  ])("is refused for %s", async (_, change, status, code) => {
    const { position } = await api.store.head()
    const answer = await create("fresh.example.com", { enable_https: false, ...change })
    expect([answer.status, answer.body["code"]]).toEqual([status, code])
    expect((await api.store.head()).position).toBe(position)
  })

  test("for another owner is for administrators", async () => {
    const { status, body } = await create("for-bob.internal", { owner: "Bob", enable_https: false }, api.adminToken)
    expect([status, (body["proxy_target"] as { owner: string }).owner]).toEqual([201, "bob"])
  })
})

describe("showing proxies", () => {
  beforeAll(() => create("secret.internal", { enable_https: false, custom_headers: { "X-Api-Key": "k-123" } }))

  test("lists one's own with masked header values, all for an administrator", async () => {
    const list = async (query: string, token?: string) => {
      const { body } = await api.call<{ targets: { hostname: string; custom_headers: object }[] }>(
        "GET",
        `${base}${query}`,
        undefined,
        {},
        token,
      )
      conforming("listProxies", body)
      return body.targets
    }
    const names = async (query: string, token?: string) => (await list(query, token)).map(({ hostname }) => hostname)
    expect(await names("", alice)).toEqual(["auto.internal", "plain.internal", "secret.internal"])
    expect(await names("", bob)).toEqual(["for-bob.internal"])
    expect(await names("?owner=bob")).toEqual(["for-bob.internal"])
    expect(await names("?owner=bob", alice)).toEqual([])
    expect(await names("?search=SECRET")).toEqual(["secret.internal"])
    expect(await names("?enabled=false")).toEqual([])
    expect((await list("?search=secret"))[0]!.custom_headers).toEqual({ "X-Api-Key": "***" })
  })

  test("shows one to its owner, headers included", async () => {
    const { status, body } = await api.call("GET", `${base}/SECRET.internal`, undefined, {}, alice)
    conforming("getProxy", body)
    expect([status, body["custom_headers"]]).toEqual([200, { "X-Api-Key": "k-123" }])
    const foreign = await api.call("GET", `${base}/secret.internal`, undefined, {}, bob)
    expect([foreign.status, foreign.body["code"]]).toEqual([403, "not_owner"])
    expect((await api.call("GET", `${base}/none.internal`, undefined, {}, bob)).status).toBe(404)
    expect((await api.call("GET", `${base}/not%20a%20host`, undefined, {}, bob)).status).toBe(404)
  })
})

describe("changing a proxy", () => {
  const put = (hostname: string, body: object, token = alice) => api.call("PUT", `${base}/${hostname}`, body, {}, token)

  test("changes what is given and keeps the rest; nothing new is no event", async () => {
    const { status, body } = await put("secret.internal", { enabled: false, target_url: "http://93.184.216.34:4000/" })
    conforming("updateProxy", body)
    expect([status, body["enabled"], body["custom_headers"]]).toEqual([200, false, { "X-Api-Key": "k-123" }])
    const { position } = await api.store.head()
    const same = await put("secret.internal", { enabled: false })
    expect([same.status, same.body["version"]]).toEqual([200, body["version"]])
    expect((await api.store.head()).position).toBe(position)
  })

  test("requests a certificate when HTTPS is switched on", async () => {
    expect((await put("plain.internal", { enable_https: true })).body).toMatchObject({
      cert_name: "proxy-plain-internal",
      certificate_status: "pending",
    })
  })

  test("attaches a certificate that does not cover the host only with force", async () => {
    const refused = await put("plain.internal", { cert_name: "proxy-auto-internal" })
    expect([refused.status, refused.body["code"]]).toEqual([422, "certificate_not_covering"])
    expect((await put("plain.internal", { cert_name: "proxy-auto-internal", force: true })).body["cert_name"]).toBe(
      "proxy-auto-internal",
    )
    expect((await put("plain.internal", { cert_name: null })).body["cert_name"]).toBeNull()
  })

  test("sends settings of other endpoints there", async () => {
    const { status, body } = await put("secret.internal", {
      auth_mode: "forward",
      mcp_enabled: true,
      route_mode: "all",
    })
    expect(status).toBe(422)
    expect(body["errors"]).toEqual([
      { path: "auth_mode", message: `is changed at ${base}/{hostname}/auth` },
      { path: "mcp_enabled", message: `is changed at ${base}/{hostname}/mcp` },
      { path: "route_mode", message: `is changed at ${base}/{hostname}/routes` },
    ])
  })

  test("is for its owner", async () => {
    expect((await put("secret.internal", { enabled: true }, bob)).body["code"]).toBe("not_owner")
    expect((await put("none.internal", { enabled: true }, bob)).status).toBe(404)
  })
})

describe("deleting a proxy", () => {
  test("keeps its certificate unless that is asked for", async () => {
    await create("kept.internal")
    const { status, body } = await api.call("DELETE", `${base}/kept.internal`, undefined, {}, alice)
    conforming("deleteProxy", body)
    expect([status, body["deleted_certificate"], body["removed"]]).toEqual([200, null, { routes: [], resources: [] }])
    await create("kept.internal", { cert_name: "proxy-kept-internal" })
    const both = await api.call("DELETE", `${base}/kept.internal?delete_certificate=true`, undefined, {}, alice)
    expect(both.body["deleted_certificate"]).toBe("proxy-kept-internal")
    expect((await api.call("GET", "/api/v1/certificates/proxy-kept-internal")).status).toBe(404)
    expect((await api.call("DELETE", `${base}/kept.internal`, undefined, {}, alice)).status).toBe(404)
  })

  test("is refused while another host uses the certificate that should go, and to others", async () => {
    await api.call(
      "POST",
      "/api/v1/certificates/multi-domain",
      { cert_name: "two", domains: ["t1.internal", "t2.internal"] },
      {},
      alice,
    )
    await create("t1.internal", { cert_name: "two" })
    await create("t2.internal", { cert_name: "two" })
    const answer = await api.call("DELETE", `${base}/t1.internal?delete_certificate=true`, undefined, {}, alice)
    expect([answer.status, answer.body["code"], answer.body["references"]]).toEqual([409, "in_use", ["t2.internal"]])
    expect((await api.call("DELETE", `${base}/t1.internal`, undefined, {}, bob)).body["code"]).toBe("not_owner")
  })
})
