import { type RunningApi, conforming, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"

let api: RunningApi
let alice: string
let bob: string
beforeAll(async () => {
  api = await runningApi()
  alice = await api.token("alice")
  bob = await api.token("bob")
  await api.call(
    "POST",
    "/api/v1/proxy/targets",
    { hostname: "mcp.internal", target_url: "http://93.184.216.34" },
    {},
    alice,
  )
})
afterAll(() => api.stop())

const one = "/api/v1/proxy/targets/mcp.internal"
const call = (method: string, part: string, body?: object, token = alice, headers = {}) =>
  api.call(method, `${one}/${part}`, body, headers, token)

describe("auth settings", () => {
  const defaults = {
    auth_enabled: true,
    auth_proxy: "auth.localhost",
    auth_mode: "forward",
    auth_required_users: null,
    auth_required_emails: null,
    auth_required_groups: null,
    auth_pass_headers: true,
    auth_excluded_paths: [],
    auth_cookie_name: null,
    auth_header_prefix: "X-Auth-",
  }

  test("are off at first", async () => {
    expect((await call("GET", "auth")).body).toEqual({ auth_enabled: false })
  })

  test("are replaced as a whole, with and without their prefix", async () => {
    const set = await call("POST", "auth", {
      proxy: "auth.localhost",
      required_users: ["ann"],
      auth_mode: "passthrough",
    })
    conforming("setProxyAuth", set.body)
    expect([set.status, set.body["status"]]).toEqual([200, "auth enabled"])
    const shown = await call("GET", "auth")
    conforming("getProxyAuth", shown.body)
    expect(shown.body).toEqual({ ...defaults, auth_required_users: ["ann"], auth_mode: "passthrough" })
    await call("POST", "auth", { auth_proxy: "auth.localhost" })
    expect((await call("GET", "auth")).body).toEqual(defaults)
    expect((await api.call("GET", one, undefined, {}, alice)).body).toMatchObject(defaults)
  })

  test.each([
    ["no OAuth host", {}, 422, "validation_failed"],
    ["an OAuth host that is none", { auth_proxy: "other.example.com" }, 422, "unknown_auth_proxy"],
    ["an unknown mode", { auth_proxy: "auth.localhost", auth_mode: "open" }, 422, "validation_failed"],
    [
      "both spellings of one field",
      { auth_proxy: "auth.localhost", proxy: "auth.localhost" },
      422,
      "validation_failed",
    ],
    [
      "a header prefix that is not X-",
      { auth_proxy: "auth.localhost", auth_header_prefix: "Cookie-" },
      422,
      "validation_failed",
    ],
    ["a pattern that is none", { auth_proxy: "auth.localhost", required_emails: ["*"] }, 200, undefined],
    [
      "a pattern with a star inside",
      { auth_proxy: "auth.localhost", required_emails: ["a*b@example.com"] },
      422,
      "validation_failed",
    ],
  ])("with %s", async (_, body, status, code) => {
    const answer = await call("POST", "auth", body)
    expect([answer.status, answer.body["code"]]).toEqual([status, code])
  })

  test("are for the owner, and stop at another version", async () => {
    for (const method of ["GET", "POST", "DELETE"])
      expect(
        (await call(method, "auth", method === "POST" ? { auth_proxy: "auth.localhost" } : undefined, bob)).body[
          "code"
        ],
      ).toBe("not_owner")
    expect((await call("POST", "auth", { auth_proxy: "auth.localhost" }, alice, { "if-match": '"1"' })).status).toBe(
      412,
    )
    const tag = (await call("GET", "auth")).headers.get("etag")!
    expect(
      (await call("POST", "auth", { auth_proxy: "auth.localhost", mode: "redirect" }, alice, { "if-match": tag }))
        .status,
    ).toBe(200)
  })

  test("are reset by DELETE, once more without an event", async () => {
    const removed = await call("DELETE", "auth")
    conforming("removeProxyAuth", removed.body)
    expect(removed.body["proxy_target"]).toMatchObject({ auth_enabled: false })
    const { position } = await api.store.head()
    expect((await call("DELETE", "auth")).status).toBe(200)
    expect((await api.store.head()).position).toBe(position)
  })
})

describe("MCP settings", () => {
  test("are off at first", async () => {
    expect((await call("GET", "mcp")).body).toEqual({ mcp_enabled: false })
  })

  test("make the proxy a resource, and warn when it is open to everybody", async () => {
    const { status, body } = await call("POST", "mcp", {})
    conforming("setProxyMcp", body)
    expect([status, body["resource"]]).toEqual([200, "https://mcp.internal:8443/mcp"])
    expect(body["warning"]).toContain("open to everybody")
    const shown = await call("GET", "mcp")
    conforming("getProxyMcp", shown.body)
    expect(shown.body).toEqual({
      mcp_enabled: true,
      mcp_endpoint: "/mcp",
      mcp_scopes: ["mcp:read", "mcp:write"],
      mcp_stateful: false,
      mcp_override_backend: false,
      resource: "https://mcp.internal:8443/mcp",
      metadata_url: "https://mcp.internal:8443/.well-known/oauth-protected-resource/mcp",
    })
  })

  test("take scopes as a list or as one text", async () => {
    await call("POST", "auth", { auth_proxy: "auth.localhost" })
    const { body } = await call("POST", "mcp", { scopes: "mcp:read files:write", endpoint: "/v1/mcp" })
    expect(body).not.toHaveProperty("warning")
    expect((await call("GET", "mcp")).body).toMatchObject({
      mcp_scopes: ["mcp:read", "files:write"],
      resource: "https://mcp.internal:8443/v1/mcp",
    })
    await call("POST", "mcp", { mcp_scopes: ["mcp:read"] })
    expect((await call("GET", "mcp")).body).toMatchObject({ mcp_scopes: ["mcp:read"], mcp_endpoint: "/mcp" })
  })

  test.each([
    { mcp_endpoint: "mcp" },
    { mcp_endpoint: "/mcp?x" },
    { mcp_scopes: [] },
    { mcp_scopes: 'a"b' },
    { mcp_enabled: "yes" },
    { token: "x" },
  ])("%j is refused", async (body) => {
    expect((await call("POST", "mcp", body)).status).toBe(422)
  })

  test("are for the owner, and reset by DELETE", async () => {
    for (const method of ["GET", "POST", "DELETE"])
      expect((await call(method, "mcp", method === "POST" ? {} : undefined, bob)).status).toBe(403)
    const removed = await call("DELETE", "mcp")
    conforming("removeProxyMcp", removed.body)
    expect((await call("GET", "mcp")).body).toEqual({ mcp_enabled: false })
  })
})
