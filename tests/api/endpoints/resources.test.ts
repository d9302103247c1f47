import { type RunningApi, conforming, runningApi } from "../running-api.ts"
import { type TestKey, addKey, goodClaims, signed } from "../../support/access-tokens.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { emptyWorld } from "../../../src/events/world.ts"

let api: RunningApi
let alice: string
let bob: string
let key: TestKey
beforeAll(async () => {
  api = await runningApi()
  alice = await api.token("alice")
  bob = await api.token("bob")
  for (const [hostname, token] of [
    ["mcp.example.com", alice],
    ["other.example.com", bob],
  ] as const) {
    await api.call(
      "POST",
      "/api/v1/proxy/targets",
      { hostname, target_url: "http://93.184.216.34", enable_https: false },
      {},
      token,
    )
    await api.call("POST", `/api/v1/proxy/targets/${hostname}/mcp`, {}, {}, token)
  }
  await api.call("POST", "/api/v1/proxy/targets/mcp.example.com/auth", { auth_proxy: "auth.localhost" }, {}, alice)
  key = await publishKey()
})
afterAll(() => api.stop())

/** What the authorization server records before it issues a token. */
async function publishKey(): Promise<TestKey> {
  const made = await addKey(emptyWorld(), "ES256")
  const ref = "signing-key-1"
  const jwk = made.publicKey.export({ format: "jwk" })
  const data = {
    kid: made.kid,
    algorithm: "ES256",
    public_jwk: jwk,
    key_ref: ref,
    activates_at: "2026-01-01T00:00:00.000Z",
  }
  await api.report("AddSigningKey", data, { [ref]: api.seal(ref, "private") })
  await api.report("RegisterClient", {
    client_id,
    metadata: {
      redirect_uris: ["http://127.0.0.1/"],
      grant_types: ["authorization_code"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    },
    secret_hash: null,
    registration_token_hash: `sha256:${"0".repeat(64)}`,
    expires_at: "2099-01-01T00:00:00.000Z",
  })
  await api.report("IssueGrant", {
    grant_id: "grant-0001",
    client_id,
    subject: "someone",
    username: "Someone",
    email: null,
    email_verified: false,
    provider: "oidc",
    scope: "mcp:read",
    resources: [],
    redirect_uri: "http://127.0.0.1/",
  })
  return made
}

const client_id = "mcp_client-0001"
const base = "/api/v1/resources"
const origin = "https://mcp.example.com:8443"
const uri = `${origin}/files`
const register = (extra: object = {}, token = alice) =>
  api.call("POST", base, { uri, name: "Files", proxy_target: "mcp.example.com", ...extra }, {}, token)
const at = (address: string) => `${base}/${encodeURIComponent(address)}`

describe("registering a resource", () => {
  test("answers with the resource under its normal form", async () => {
    const { status, headers, body } = await register({ uri: `${uri.replace("mcp", "MCP")}/`, scopes: ["files:read"] })
    conforming("registerResource", body)
    expect([status, headers.get("location")]).toEqual([201, at(uri)])
    expect(body).toMatchObject({
      uri,
      scopes: ["files:read"],
      owner: "alice",
      auto: false,
      metadata_url: `${origin}/.well-known/oauth-protected-resource/files`,
    })
  })

  test.each([
    ["one that is there", {}, 409, "already_exists"],
    ["another host", { uri: "https://other.example.com:8443/x" }, 422, "resource_host_mismatch"],
    ["another port", { uri: "https://mcp.example.com:9443/x" }, 422, "resource_host_mismatch"],
    ["plain http", { uri: "http://mcp.example.com/x" }, 422, "validation_failed"],
    [
      "another's proxy",
      { uri: "https://other.example.com:8443/x", proxy_target: "other.example.com" },
      403,
      "not_owner",
    ],
    ["no scopes", { uri: `${origin}/x`, scopes: [] }, 422, "validation_failed"],
  ])("is refused for %s", async (_, extra, status, code) => {
    const answer = await register(extra)
    expect([answer.status, answer.body["code"]]).toEqual([status, code])
  })
})

describe("the address of a resource", () => {
  test.each([
    ["percent-encoded", () => at(uri)],
    ["with its slashes", () => `${base}/${uri}`],
    ["in the query", () => `${base}?uri=${encodeURIComponent(uri)}`],
    ["in another spelling", () => at(`HTTPS://mcp.example.com:8443/files/`)],
  ])("may be %s", async (_, path) => {
    const shown = await api.call("GET", path(), undefined, {}, alice)
    conforming("getResource", shown.body)
    expect([shown.status, shown.body["uri"]]).toEqual([200, uri])
  })

  test("may be a bare host, which is its origin", async () => {
    await register({ uri: "mcp.example.com", name: "Origin" })
    expect((await api.call("GET", `${base}/mcp.example.com`, undefined, {}, alice)).body["uri"]).toBe(origin)
    expect((await api.call("DELETE", `${base}?uri=mcp.example.com`, undefined, {}, alice)).status).toBe(204)
  })

  test.each([
    [`${base}/${encodeURIComponent(`${origin}/none`)}`, 404],
    [`${base}/https://`, 404],
    [`${base}/%00`, 404],
    [`${base}/%zz`, 400],
    [`${base}?uri=javascript:x`, 404],
    [`${base}/auto-register`, 405],
  ])("%s: %i", async (path, status) => expect((await api.call("GET", path, undefined, {}, alice)).status).toBe(status))
})

describe("a resource", () => {
  test("is its owner's to see and to change", async () => {
    const { body: list } = await api.call("GET", base, undefined, {}, alice)
    conforming("listResources", list)
    expect((list["resources"] as { uri: string }[]).map((resource) => resource.uri)).toEqual([uri])
    expect((await api.call("GET", base, undefined, {}, bob)).body["resources"]).toEqual([])
    expect((await api.call("GET", at(uri), undefined, {}, bob)).body["code"]).toBe("not_owner")
    const put = (body: object, headers = {}, token = alice) => api.call("PUT", `${base}/${uri}`, body, headers, token)
    const changed = await put({ name: "All files", scopes: ["files:read", "files:write"] })
    conforming("updateResource", changed.body)
    expect(changed.body).toMatchObject({ name: "All files", scopes: ["files:read", "files:write"] })
    expect((await put({ uri: `${origin}/y` })).body).toMatchObject({
      code: "validation_failed",
      errors: [{ path: "uri" }],
    })
    expect((await put({ name: "Mine" }, {}, bob)).body["code"]).toBe("not_owner")
    expect((await put({ name: "Old" }, { "if-match": '"1"' })).status).toBe(412)
  })
})

describe("checking a token", () => {
  const now = () => Math.floor(Date.now() / 1000)
  const token = (claims: object = {}) =>
    signed(key, {
      ...goodClaims,
      iss: "https://auth.localhost:8443",
      aud: [uri],
      client_id,
      azp: client_id,
      sub: "someone",
      iat: now(),
      exp: now() + 600,
      scope: "files:read",
      ...claims,
    })
  const check = async (value: string, extra: object = {}, path = `${at(uri)}/validate-token`) => {
    const answer = await api.call("POST", path, { token: value, ...extra }, {}, alice)
    expect(answer.status).toBe(200)
    conforming("validateResourceToken", answer.body)
    return answer.body
  }

  test("says who it is and what it may", async () => {
    const value = token()
    for (const path of [
      `${at(uri)}/validate-token`,
      `${base}/${uri}/validate-token`,
      `${base}/validate-token?uri=${encodeURIComponent(uri)}`,
    ])
      expect(await check(value, {}, path)).toMatchObject({
        valid: true,
        reason: null,
        subject: "someone",
        client_id,
        audience: [uri],
        scopes: ["files:read"],
      })
    expect(await check(value, { scopes: ["files:read", "files:write"] })).toMatchObject({
      valid: false,
      reason: "insufficient_scope",
      missing_scopes: ["files:write"],
    })
  })

  test("judges by what scopes hold on the proxy", async () => {
    const mcp = (mcp_scope_hierarchy?: object) =>
      api.call("POST", "/api/v1/proxy/targets/mcp.example.com/mcp", { mcp_scope_hierarchy }, {}, alice)
    const asked = { scopes: ["files:write"] }
    expect((await mcp([{ scope: "files:read", includes: ["files:write"] }])).status).toBe(200)
    expect(await check(token(), asked)).toMatchObject({ valid: true, missing_scopes: [] })
    expect((await mcp()).status).toBe(200)
    expect(await check(token(), asked)).toMatchObject({ valid: false, missing_scopes: ["files:write"] })
  })

  test.each([
    ["nonsense", () => "nonsense", "malformed"],
    ["one that has expired", () => token({ iat: now() - 600, exp: now() - 5 }), "expired"],
    ["one of another issuer", () => token({ iss: "https://auth.evil.example" }), "wrong_issuer"],
    ["one for the proxy but not for this", () => token({ aud: [`${origin}/mcp`] }), "wrong_audience"],
    ["one of a grant that is gone", () => token({ sid: "none" }), "revoked"],
    ["one with scopes of something else", () => token({ scope: "mcp:read" }), "insufficient_scope"],
  ])("tells why %s is none", async (_, value, reason) =>
    expect(await check(value())).toMatchObject({ valid: false, reason }),
  )

  test("tells nothing of a forged one, and records none", async () => {
    const { position } = await api.store.head()
    const forged = `${token().split(".").slice(0, 2).join(".")}.AAAA`
    expect(await check(forged)).toEqual({
      valid: false,
      reason: "bad_signature",
      subject: null,
      client_id: null,
      audience: [],
      scopes: [],
      missing_scopes: [],
      expires_at: null,
    })
    expect((await api.store.head()).position).toBe(position)
    expect(api.logged.join("")).not.toContain(forged.slice(0, 40))
    expect((await api.call("POST", `${at(uri)}/validate-token`, { token: forged }, {}, bob)).body["code"]).toBe(
      "not_owner",
    )
  })
})

describe("automatic registration", () => {
  test("makes one for each MCP proxy with auth, and no second time", async () => {
    const run = (query = "", body?: object, token = api.adminToken) =>
      api.call("POST", `${base}/auto-register${query}`, body, {}, token)
    const expected = {
      registered: [`${origin}/mcp`],
      skipped: [{ host: "other.example.com", reason: "auth_off" }],
      count: 1,
    }
    expect((await run("", undefined, alice)).body["code"]).toBe("admin_required")
    expect((await run("?dry_run=true")).body).toEqual(expected)
    expect((await run("", { dry_run: true })).body).toEqual(expected)
    const done = await run()
    conforming("autoRegisterResources", done.body)
    expect(done.body).toEqual(expected)
    expect((await run()).body).toMatchObject({ registered: [], count: 0 })
    expect((await api.call("GET", at(`${origin}/mcp`), undefined, {}, alice)).body).toMatchObject({
      auto: true,
      owner: "alice",
    })
  })

  test("ends with MCP on the proxy; what was registered by hand stays", async () => {
    await api.call("DELETE", "/api/v1/proxy/targets/mcp.example.com/mcp", undefined, {}, alice)
    const { body } = await api.call("GET", base, undefined, {}, alice)
    expect((body["resources"] as { uri: string }[]).map((resource) => resource.uri)).toEqual([uri])
    expect((await api.call("DELETE", at(uri), undefined, {}, bob)).status).toBe(403)
    expect((await api.call("DELETE", at(uri), undefined, {}, alice)).status).toBe(204)
    expect((await api.call("GET", at(uri), undefined, {}, alice)).status).toBe(404)
  })
})
