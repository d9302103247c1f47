import { type Installation, type Node, api, eventually, installation, startNode } from "../support/gatehouse.ts"
import { type Login, mcpLogin } from "../support/mcp-login.ts"
import { type ServerResponse, createServer } from "node:http"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { AddressInfo } from "node:net"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { agent } from "../support/browser.ts"
import { endpoints } from "../../src/api/endpoint-table.ts"
import { fetch } from "undici"
import { once } from "node:events"
import { redisServer } from "../support/redis-server.ts"
import { run } from "../../src/cli/run.ts"

/** A backend that is an MCP server as far as is needed here: it answers `initialize`, and GET opens a stream. */
const backend = createServer((request, response) => {
  if (request.method === "GET") return openStream(response)
  request.resume().on("end", () => {
    const result = { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: { name: "backend", version: "1" } }
    response.setHeader("content-type", "application/json").end(JSON.stringify({ jsonrpc: "2.0", id: 1, result }))
  })
})

function openStream(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream" })
  response.write(": open\n\n")
}

type Json = Record<string, any> // oxlint-disable-line typescript/no-explicit-any

let redis: Awaited<ReturnType<typeof redisServer>>
let node: Node
let shared: Installation
let root: string
let alice: string
let bob: string
let login: Login
let started: number

beforeAll(async () => {
  started = Date.now()
  redis = await redisServer()
  backend.listen(0, "127.0.0.1")
  await once(backend, "listening")
  shared = installation(redis.url)
  node = await startNode(shared, { OAUTH_JWT_ALGORITHM: "ES256", TARGET_ALLOW_CIDRS: "127.0.0.0/8" })
  alice = (await node.api<{ token: string }>("POST", "/api/v1/tokens", { name: "alice" })).body.token
  bob = (await node.api<{ token: string }>("POST", "/api/v1/tokens", { name: "bob" })).body.token
  const target_url = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`
  for (const [hostname, owner] of [
    ["mcp.test", "alice"],
    ["other.test", "bob"],
  ] as const) {
    const created = await node.api("POST", "/api/v1/proxy/targets", { hostname, target_url, owner })
    if (created.status !== 201) throw new Error(JSON.stringify(created.body))
    await node.api("POST", `/api/v1/proxy/targets/${hostname}/auth`, { auth_proxy: "auth.localhost" })
    await node.api("POST", `/api/v1/proxy/targets/${hostname}/mcp`, {})
  }
  root = await eventually("the internal CA has certified every host", async () => {
    const { body } = await node.api<{ certificates: { cert_name: string; serving: boolean }[] }>(
      "GET",
      "/api/v1/certificates",
    )
    if (body.certificates.length < 3 || !body.certificates.every(({ serving }) => serving)) return false
    const one = await node.api<{ fullchain_pem: string }>(
      "GET",
      `/api/v1/certificates/${body.certificates[0]!.cert_name}`,
    )
    return one.body.fullchain_pem.match(/-----BEGIN[^]*?END CERTIFICATE-----/g)!.at(-1)
  })
  login = mcpLogin(root, alice)
})

afterAll(async () => {
  await node?.stop()
  await redis?.stop()
  backend.closeAllConnections()
  backend.close()
})

const url = () => `https://mcp.test:${node.httpsPort}/mcp`

/** GET as the administrator or with another token; the body must be as the endpoint's schema says. */
async function read(operationId: string, path: string, token: string = node.adminToken): Promise<Json> {
  const answer = await api<Json>(node.apiPort, token, "GET", `/api/v1/oauth/${path}`)
  expect(answer.status, `${path}: ${JSON.stringify(answer.body)}`).toBe(200)
  endpoints.find((endpoint) => endpoint.operationId === operationId)!.response.parse(answer.body)
  expect(JSON.stringify(answer.body)).not.toContain(login.tokens()?.access_token ?? "no token yet")
  expect(JSON.stringify(answer.body)).not.toContain(login.tokens()?.refresh_token ?? "no token yet")
  return answer.body
}

const statusOf = async (path: string, token?: string, method = "GET", body?: unknown) =>
  (await api(node.apiPort, token ?? node.adminToken, method, `/api/v1/oauth/${path}`, body)).status

/** Lets the client forget its tokens and the same person, in the same browser, connect it. */
async function signIn(): Promise<void> {
  ;(login.provider["saveTokens"] as (tokens: undefined) => void)(undefined)
  const connect = () =>
    new StreamableHTTPClientTransport(new URL(url()), {
      authProvider: login.provider as never,
      fetch: login.fetch,
    })
  const transport = connect()
  await expect(new Client({ name: "test", version: "1" }).connect(transport as never)).rejects.toThrow("Unauthorized")
  await transport.finishAuth(login.callback().searchParams.get("code")!)
}

const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "t", version: "1" } },
}

function call(token: string, init: { method?: string; host?: string } = {}) {
  const { method = "POST", host = "mcp.test" } = init
  return fetch(`https://${host}:${node.httpsPort}/mcp`, {
    method,
    dispatcher: agent(root),
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    },
    ...(method === "POST" && { body: JSON.stringify(initialize) }),
  })
}

describe("before anybody signed in", () => {
  it("there is nothing, and a number that is nothing is 0", async () => {
    expect(await read("listOAuthClients", "clients")).toEqual({
      clients: [],
      pagination: { total: 0, page: 1, per_page: 20, pages: 0 },
      summary: { total_clients: 0, active_clients: 0, expired_clients: 0, never_used: 0 },
    })
    expect(await read("getOAuthMetrics", "metrics")).toMatchObject({
      clients: { total: 0, active: 0, expiring_soon: 0 },
      tokens: {
        access: { total: 0, active: 0, issued_last_hour: 0, expired_last_hour: 0 },
        refresh: { total: 0, active: 0, used_last_hour: 0 },
      },
      auth_flows: {
        authorization_requests: { last_hour: 0, success_rate: null },
        token_requests: { last_hour: 0, success_rate: null },
      },
      errors: {},
    })
    expect((await read("listOAuthSessions", "sessions"))["sessions"]).toEqual([])
  })

  it("every check of the authorization server is run and healthy", async () => {
    const health = await read("getOAuthHealth", "health")
    expect(health).toMatchObject({
      status: "healthy",
      last_successful_auth: null,
      auth_proxy: { hostname: "auth.localhost", status: "healthy", certificate_valid: true },
    })
    expect(Object.keys(health["checks"]).sort()).toEqual([
      "auth_proxy_configured",
      "identity_providers",
      "jwks_endpoint",
      "oauth_server_reachable",
      "redis_connection",
      "signing_key",
      "token_validation",
    ])
  })

  it("is for administrators where it is about all", async () => {
    for (const path of ["metrics", "health", "admin/setup-status"]) expect(await statusOf(path, alice), path).toBe(403)
    expect(await statusOf("tokens/cleanup", alice, "POST")).toBe(403)
    expect((await api(node.apiPort, undefined, "GET", "/api/v1/oauth/clients")).status).toBe(401)
  })
})

describe("after one login", () => {
  let clientId: string
  let sessionId: string

  it("there is one client with one grant and one access token", async () => {
    await signIn()
    const token = login.tokens()!.access_token
    expect((await call(token)).status).toBe(200)
    clientId = login.clientId()!
    const list = await read("listOAuthClients", "clients")
    expect(list["summary"]).toEqual({ total_clients: 1, active_clients: 1, expired_clients: 0, never_used: 0 })
    expect(list["clients"]).toMatchObject([
      {
        client_id: clientId,
        client_name: "End-to-end test",
        kind: "dynamic",
        is_active: true,
        token_count: 1,
        days_until_expiry: 89,
      },
    ])
    for (const name of ["last_token_issued", "last_used_at"])
      expect(Date.parse(list["clients"][0][name]), name).toBeGreaterThan(started)
    expect(await read("getOAuthClient", `clients/${clientId}`)).toMatchObject({
      metadata: { token_endpoint_auth_method: "none" },
      usage_stats: { total_tokens_issued: 1, active_tokens: 1, total_authorizations: 1, failed_authorizations: 0 },
      proxy_associations: [{ hostname: "mcp.test", grants: 1 }],
    })
  })

  it("the session knows who, what and where", async () => {
    const list = await eventually("the request is counted", async () => {
      const body = await read("listOAuthSessions", "sessions?kind=grant")
      return body["sessions"][0].accessed_proxies.length > 0 && body
    })
    expect(list["summary"]).toMatchObject({ total_sessions: 1, unique_users: 1 })
    expect(list["sessions"]).toMatchObject([
      {
        kind: "grant",
        user: "alice",
        subject: "local-alice",
        client_id: clientId,
        active_tokens: 1,
        accessed_proxies: ["mcp.test"],
      },
    ])
    sessionId = list["sessions"][0].session_id
    expect(await read("getOAuthSession", `sessions/${sessionId}`)).toMatchObject({
      scope: "mcp:read mcp:write",
      resources: [url()],
      refresh: { generation: 1 },
      requests: 1,
      ip_addresses: [{ address: "127.0.0.1" }],
    })
    const all = await read("listOAuthSessions", "sessions?sort_by=user")
    expect(all["sessions"].map(({ kind }: Json) => kind).sort()).toEqual(["browser", "grant"])
    const browser = all["sessions"].find(({ kind }: Json) => kind === "browser")
    expect(await read("getOAuthSession", `sessions/${browser.session_id}`)).toMatchObject({
      kind: "browser",
      user: "alice",
      provider: "local",
      ip_addresses: [{ address: "127.0.0.1" }],
    })
  })

  it("a refresh makes two access tokens and counts as one", async () => {
    const form = { grant_type: "refresh_token", refresh_token: login.tokens()!.refresh_token!, client_id: clientId }
    const body = new URLSearchParams(form).toString()
    const headers = { "content-type": "application/x-www-form-urlencoded" }
    const refreshed = await fetch(`https://auth.localhost:${node.httpsPort}/token`, {
      method: "POST",
      dispatcher: agent(root),
      headers,
      body,
    })
    expect(refreshed.status).toBe(200)
    const { access_token } = (await refreshed.json()) as { access_token: string }
    const stats = await read("getOAuthTokens", "tokens")
    expect(stats["summary"]).toEqual({
      access: { total: 2, active: 2 },
      refresh: { total: 1, active: 1 },
      tokens_expiring_soon: 0,
      average_token_lifetime: 1800,
    })
    expect(stats["by_client"]).toEqual([{ client_id: clientId, access: 2, refresh: 1 }])
    expect(stats["by_user"]).toEqual([{ user: "alice", subject: "local-alice", access: 2, refresh: 1 }])
    expect(stats["recent_activity"]).toHaveLength(2)
    expect(await read("getOAuthTokens", "tokens?token_type=refresh&user_id=alice")).toMatchObject({
      summary: { access: { total: 0 }, refresh: { total: 1 } },
    })
    expect(await read("getOAuthTokens", "tokens?user_id=nobody")).toMatchObject({
      summary: { access: { total: 0 }, refresh: { total: 0 } },
    })
    expect(await read("getOAuthSession", `sessions/${sessionId}`)).toMatchObject({
      active_tokens: 2,
      refresh: { generation: 2 },
    })
    const tokens = await read("listOAuthClientTokens", `clients/${clientId}/tokens?sort_by=issued_at&order=desc`)
    expect(tokens["summary"]).toEqual({ access: 2, refresh: 1, active: 3 })
    expect(tokens["tokens"].map(({ type, status }: Json) => `${type} ${status}`).sort()).toEqual([
      "access active",
      "access active",
      "refresh active",
    ])
    expect(await read("getOAuthClientStats", `clients/${clientId}/stats?hours=24`)).toMatchObject({
      issued: 2,
      refreshed: 1,
      revoked: 0,
      authorizations: 1,
      failures: {},
      users: ["alice"],
      resources: [url()],
    })
    expect(await read("getOAuthMetrics", "metrics")).toMatchObject({
      clients: { total: 1, active: 1 },
      tokens: {
        access: { total: 2, active: 2, issued_last_hour: 2 },
        refresh: { total: 1, active: 1, used_last_hour: 1 },
      },
      auth_flows: {
        authorization_requests: { last_hour: 1, success_rate: 1 },
        token_requests: { last_hour: 2, success_rate: 1 },
      },
      errors: {},
    })
    expect((await call(access_token)).status).toBe(200)
  })

  it("a token is shown with its use, and revoked alone", async () => {
    const { jti } = JSON.parse(Buffer.from(login.tokens()!.access_token.split(".")[1]!, "base64url").toString()) as {
      jti: string
    }
    expect(await read("getOAuthToken", `tokens/${jti}`)).toMatchObject({
      jti,
      type: "access",
      status: "active",
      user: "alice",
      session_id: sessionId,
      aud: [url()],
      is_expired: false,
      usage: { requests: 1, hosts: ["mcp.test"] },
    })
    expect(await read("getOAuthToken", `tokens/${sessionId}`)).toMatchObject({
      type: "refresh",
      status: "active",
      session_id: sessionId,
    })
    expect(await statusOf(`tokens/${jti}`, undefined, "DELETE")).toBe(204)
    expect(await read("getOAuthToken", `tokens/${jti}`)).toMatchObject({ status: "revoked" })
    expect((await read("getOAuthTokens", "tokens"))["summary"].access).toEqual({ total: 2, active: 1 })
    expect((await call(login.tokens()!.access_token)).status).toBe(401)
    expect(await statusOf("tokens/no-such-token")).toBe(404)
  })

  it("an owner sees what touches their proxies, and nobody else's", async () => {
    const seen = async (token: string) => ({
      clients: (await read("listOAuthClients", "clients", token))["pagination"].total,
      sessions: (await read("listOAuthSessions", "sessions", token))["pagination"].total,
      access: (await read("getOAuthTokens", "tokens", token))["summary"].access.total,
      proxies: (await read("listOAuthProxies", "proxies", token))["proxies"].map(({ hostname }: Json) => hostname),
    })
    expect(await seen(alice)).toEqual({ clients: 1, sessions: 1, access: 2, proxies: ["mcp.test"] })
    expect(await seen(bob)).toEqual({ clients: 0, sessions: 0, access: 0, proxies: ["other.test"] })
    for (const path of [
      `clients/${clientId}`,
      `clients/${clientId}/tokens`,
      `clients/${clientId}/stats`,
      `sessions/${sessionId}`,
      `tokens/${sessionId}`,
    ])
      expect(await statusOf(path, bob), path).toBe(404)
    expect(await statusOf(`sessions/${sessionId}`, bob, "DELETE")).toBe(404)
    expect(await statusOf("proxies/mcp.test/sessions", bob)).toBe(403)
    expect((await read("listOAuthProxySessions", "proxies/mcp.test/sessions", alice))["summary"].total_sessions).toBe(1)
    expect((await read("listOAuthProxySessions", "proxies/other.test/sessions", bob))["summary"].total_sessions).toBe(0)
  })

  it("a refused token is counted where it was refused", async () => {
    expect((await call("not.a.token")).status).toBe(401)
    expect((await call(login.tokens()!.access_token, { host: "other.test" })).status).toBe(401)
    const proxies = await eventually("the failures are counted", async () => {
      const { proxies: found } = await read("listOAuthProxies", "proxies?sort_by=active_sessions&order=desc")
      return found[0].recent_auth_failures + found[1].recent_auth_failures >= 3 && found
    })
    expect(proxies).toMatchObject([
      {
        hostname: "mcp.test",
        auth_enabled: true,
        auth_mode: "forward",
        auth_proxy: "auth.localhost",
        active_sessions: 1,
      },
      { hostname: "other.test", active_sessions: 0, recent_auth_failures: 1, last_auth_success: null },
    ])
    // The revoked token of before is the other one.
    expect(proxies[0].recent_auth_failures).toBe(2)
    expect(Date.parse(proxies[0].last_auth_success)).toBeGreaterThan(started)
  })

  it("a session that is ended is over: the next request fails, the open stream is closed, the refresh token is dead", async () => {
    await signIn()
    const token = login.tokens()!
    const { sid } = JSON.parse(Buffer.from(token.access_token.split(".")[1]!, "base64url").toString()) as {
      sid: string
    }
    const stream = await call(token.access_token, { method: "GET" })
    expect(stream.status).toBe(200)
    let open = true
    const closed = (async () => {
      for await (const _ of stream.body!);
    })().finally(() => (open = false))
    expect(await statusOf(`sessions/${sid}`, alice)).toBe(200)
    expect(open).toBe(true)
    expect(await statusOf(`sessions/${sid}`, alice, "DELETE")).toBe(204)
    expect((await call(token.access_token)).status).toBe(401)
    await Promise.allSettled([closed])
    const body = new URLSearchParams({
      grant_type: "refresh_token",
      refresh_token: token.refresh_token!,
      client_id: clientId,
    }).toString()
    const headers = { "content-type": "application/x-www-form-urlencoded" }
    const refused = await fetch(`https://auth.localhost:${node.httpsPort}/token`, {
      method: "POST",
      dispatcher: agent(root),
      headers,
      body,
    })
    expect(await refused.json()).toMatchObject({ error: "invalid_grant" })
    expect(await statusOf(`sessions/${sid}`)).toBe(404)
    expect(await read("getOAuthClientStats", `clients/${clientId}/stats`)).toMatchObject({
      revoked: 2,
      failures: { invalid_grant: 1 },
    })
    expect((await read("getOAuthMetrics", "metrics"))["errors"]).toEqual({ invalid_grant: 1 })
    expect(await statusOf(`sessions/${sessionId}`)).toBe(200)
  })

  it("a browser that is ended has to sign in again", async () => {
    const { sessions } = await read("listOAuthSessions", "sessions?kind=browser")
    expect(sessions).toHaveLength(1)
    expect(await statusOf(`sessions/${sessions[0].session_id}`, alice)).toBe(404)
    expect(await statusOf(`sessions/${sessions[0].session_id}`, undefined, "DELETE")).toBe(204)
    expect((await read("listOAuthSessions", "sessions?kind=browser"))["sessions"]).toEqual([])
    const pages = login.pages.length
    await signIn()
    expect(login.pages.slice(pages).some(({ text }) => text.includes("API token"))).toBe(true)
  })
})

describe("clients that somebody sets up", () => {
  let client: Json
  const change = (id: string, body: unknown, token = node.adminToken) =>
    api<Json>(node.apiPort, token, "PATCH", `/api/v1/oauth/clients/${id}`, body)

  it("have a secret that is shown once, and act for themselves", async () => {
    const key = { "idempotency-key": "machine" }
    const asked = { client_name: "Nightly job", scope: "mcp:read" }
    const created = await api<Json>(node.apiPort, alice, "POST", "/api/v1/oauth/clients", asked, key)
    expect(created.status, JSON.stringify(created.body)).toBe(201)
    client = created.body
    expect(client).toMatchObject({
      kind: "admin",
      owner: "alice",
      expires_at: null,
      is_active: true,
      token_count: 0,
      metadata: { grant_types: ["client_credentials"], redirect_uris: [] },
    })
    expect(created.headers.get("location")).toBe(`/api/v1/oauth/clients/${client["client_id"]}`)
    expect(created.headers.get("cache-control")).toBe("no-store")
    expect(client["client_secret"]).toMatch(/^[A-Za-z0-9_-]{43}$/)
    const again = await api<Json>(node.apiPort, alice, "POST", "/api/v1/oauth/clients", asked, key)
    expect([again.status, again.body["client_id"], again.body["client_secret"]]).toEqual([
      201,
      client["client_id"],
      undefined,
    ])
    expect(await read("getOAuthClient", `clients/${client["client_id"]}`, alice)).not.toHaveProperty("client_secret")
    expect(await statusOf(`clients/${client["client_id"]}`, bob)).toBe(404)
  })

  it("are told what they lack", async () => {
    const wrong = [
      {},
      { client_name: "x", unknown: 1 },
      { client_name: "x", grant_types: ["client_credentials"], token_endpoint_auth_method: "none" },
      { client_name: "x", redirect_uris: ["http://far.example/cb"] },
    ]
    for (const body of wrong) expect(await statusOf("clients", undefined, "POST", body), JSON.stringify(body)).toBe(422)
  })

  it("change in one way at a time, by their owner", async () => {
    const id = client["client_id"] as string
    expect((await change(id, {})).status).toBe(422)
    expect((await change(id, { disabled: true, client_name: "Other" })).status).toBe(422)
    expect((await change(id, { client_name: "Other" }, bob)).status).toBe(404)
    expect((await change(id, { vouched: true }, alice)).status).toBe(403)
    expect((await change(id, { vouched: true })).body).toMatchObject({ vouched: true })
    expect((await change(id, { client_name: "Weekly job" }, alice)).body).toMatchObject({
      client_name: "Weekly job",
      metadata: { scope: "mcp:read" },
    })
    const replaced = await change(id, { new_secret: true }, alice)
    expect(replaced.body["client_secret"]).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(replaced.body["client_secret"]).not.toBe(client["client_secret"])
    expect((await change(id, { disabled: true }, alice)).body).toMatchObject({ disabled: true, is_active: false })
    expect(
      (await read("listOAuthClients", "clients?active_only=true", alice))["clients"].map(
        (one: Json) => one["client_id"],
      ),
    ).not.toContain(id)
  })

  it("are listed in pages and in order", async () => {
    for (const name of ["Bravo", "alpha", "Charlie"])
      expect(
        await statusOf("clients", undefined, "POST", {
          client_name: name,
          redirect_uris: ["https://a.example/cb"],
          token_endpoint_auth_method: "none",
        }),
      ).toBe(201)
    const names = async (query: string) =>
      (await read("listOAuthClients", `clients?active_only=false&${query}`))["clients"].map(
        (one: Json) => one["client_name"],
      )
    expect(await names("sort_by=client_name&order=asc")).toEqual([
      "alpha",
      "Bravo",
      "Charlie",
      "End-to-end test",
      "Weekly job",
    ])
    expect(await names("sort_by=client_name&order=desc&per_page=2&page=2")).toEqual(["Charlie", "Bravo"])
    expect(await names("sort_by=client_name&page=9")).toEqual([])
    expect((await names("sort_by=token_count&per_page=1"))[0]).toBe("End-to-end test")
    expect(await statusOf("clients?sort_by=secret")).toBe(422)
    expect((await read("listOAuthClients", "clients"))["summary"]).toEqual({
      total_clients: 5,
      active_clients: 4,
      expired_clients: 0,
      never_used: 4,
    })
  })

  it("are deleted with what they hold", async () => {
    const list = await read("listOAuthClients", "clients")
    const { client_id } = list["clients"].find((one: Json) => one["client_name"] === "End-to-end test")
    const held = (await read("getOAuthClient", `clients/${client_id}`))["proxy_associations"][0].grants
    expect(held).toBeGreaterThan(0)
    expect(await statusOf(`clients/${client_id}`, alice, "DELETE")).toBe(403)
    const deleted = await api(node.apiPort, node.adminToken, "DELETE", `/api/v1/oauth/clients/${client_id}`)
    expect([deleted.status, deleted.body]).toEqual([200, { client_id, revoked_grants: held }])
    expect((await call(login.tokens()!.access_token)).status).toBe(401)
    expect((await read("listOAuthSessions", "sessions?kind=grant"))["sessions"]).toEqual([])
  })
})

describe("cleaning up", () => {
  it("finds the refresh tokens of revoked grants, and removes them when told so", async () => {
    const clean = async (query = "") => (await node.api<Json>("POST", `/api/v1/oauth/tokens/cleanup${query}`)).body
    const found = await clean()
    expect(found).toMatchObject({ dry_run: true, expired: 0, unused_clients: 0, removed: 0 })
    expect(found["revoked_families"]).toBeGreaterThan(0)
    expect(await clean()).toEqual(found)
    expect(await clean("?dry_run=false")).toEqual({ ...found, dry_run: false, removed: found["revoked_families"] })
    expect(await clean()).toMatchObject({ revoked_families: 0 })
  })
})

describe("the OAuth host", () => {
  const setUp = async (body: object) => (await node.api<Json>("POST", "/api/v1/oauth/admin/setup-routes", body)).body

  it("is verified and recorded; a second time changes nothing, and force resets what was changed", async () => {
    const before = await read("getOAuthSetup", "admin/setup-status")
    expect(before).toMatchObject({
      configured: [],
      misconfigured: [],
      proxy_exists: true,
      certificate_valid: true,
      is_complete: false,
    })
    expect(before["missing"]).toHaveLength(10)
    const first = await setUp({ oauth_domain: "auth.localhost" })
    expect(first).toEqual({
      oauth_domain: "auth.localhost",
      created_routes: before["missing"],
      skipped_routes: [],
      errors: [],
      success: true,
    })
    const position = (await node.api<{ position: number }>("GET", "/api/v1/stats")).body.position
    expect(await setUp({})).toMatchObject({ created_routes: [], skipped_routes: before["missing"], success: true })
    expect((await node.api<{ position: number }>("GET", "/api/v1/stats")).body.position).toBe(position)
    expect(await read("getOAuthSetup", "admin/setup-status?domain=auth.localhost")).toMatchObject({
      missing: [],
      is_complete: true,
    })
    expect((await node.api("PUT", "/api/v1/routes/oauth-token", { priority: 10 })).status).toBe(200)
    expect(await setUp({})).toMatchObject({ errors: ["oauth-token: was changed; force resets it"], success: false })
    expect(await setUp({ force: true })).toMatchObject({ created_routes: ["oauth-token"], success: true })
    expect(await setUp({ oauth_domain: "elsewhere.test" })).toMatchObject({ code: "unknown_auth_proxy" })
  })

  it("leaves the same paths of other hosts to their backends", async () => {
    await signInAnew()
    const answer = await fetch(`https://mcp.test:${node.httpsPort}/token`, {
      method: "POST",
      dispatcher: agent(root),
      headers: { authorization: `Bearer ${login.tokens()!.access_token}` },
    })
    expect(await answer.json()).toMatchObject({ result: { serverInfo: { name: "backend" } } })
  })
})

/** Another program of the same person. */
async function signInAnew(): Promise<void> {
  login = mcpLogin(root, alice)
  await signIn()
}

describe("the connector check", () => {
  const examine = async (body: object, token = node.adminToken) =>
    api<Json>(node.apiPort, token, "POST", "/api/v1/oauth/diagnose", body)
  const steps = ({ body }: { body: Json }) =>
    Object.fromEntries(body["steps"].map((one: Json) => [one["step"], one["status"]]))

  it("finds nothing wrong with a host of ours, and takes its client back", async () => {
    const total = (await read("listOAuthClients", "clients?active_only=false"))["pagination"].total
    const found = await examine({ url: url(), token: login.tokens()!.access_token })
    expect(found.status).toBe(200)
    expect(found.body, JSON.stringify(found.body, null, 1)).toMatchObject({ ok: true, broken: null })
    expect(new Set(Object.values(steps(found)))).toEqual(new Set(["ok"]))
    expect((await read("listOAuthClients", "clients?active_only=false"))["pagination"].total).toBe(total)
    expect(steps(await examine({ url: "mcp.test" }, alice))).toMatchObject({ call: "skipped", authorization: "ok" })
  })

  it("says why a token does not fit", async () => {
    const other = await examine({
      url: `https://other.test:${node.httpsPort}/mcp`,
      token: login.tokens()!.access_token,
    })
    expect(other.body["broken"]).toMatchObject({
      step: "call",
      words: expect.stringContaining(`it is for "${url()}", not for https://other.test`),
    })
    expect(node.log()).not.toContain(login.tokens()!.access_token)
  })

  it("is for a proxy's owner, and for administrators anywhere", async () => {
    expect((await examine({ url: url() }, bob)).status).toBe(403)
    expect((await examine({ url: "https://unknown.test/mcp" }, bob)).status).toBe(404)
    expect((await examine({ url: "https://no-such-host.invalid/mcp" })).body["broken"]).toMatchObject({
      step: "connection",
    })
    expect((await examine({ url: "http://169.254.169.254/latest" })).body["broken"]).toMatchObject({
      step: "connection",
    })
    expect((await examine({ url: `https://nowhere.test:${node.httpsPort}/mcp` })).body["broken"]).toMatchObject({
      step: "connection",
    })
  })

  it("tells what is wrong when the backend is down, and when the host is open", async () => {
    await node.api("POST", "/api/v1/proxy/targets", {
      hostname: "down.test",
      target_url: "http://127.0.0.1:9",
      enable_https: true,
    })
    await eventually(
      "a certificate for it",
      async () => (await examine({ url: "down.test" })).body["broken"]?.step !== "connection",
    )
    expect((await examine({ url: "down.test" })).body["broken"]).toEqual({
      step: "challenge",
      words: "A call without a token is answered 502, not 401: the server, or the backend behind it, is not working.",
    })
    await node.api("DELETE", "/api/v1/proxy/targets/other.test/auth")
    expect(steps(await examine({ url: "other.test" }))).toMatchObject({
      challenge: "ok",
      registration: "skipped",
      call: "ok",
    })
  })
})

describe("the recipes", () => {
  async function just(...argv: string[]) {
    let [out, err] = ["", ""]
    const code = await run(argv, {
      env: { API_PORT: String(node.apiPort), HTTPS_PORT: String(node.httpsPort), ADMIN_TOKEN: node.adminToken },
      interactiveInput: false,
      interactiveOutput: false,
      write: (text) => void (out += text),
      error: (text) => void (err += text),
      ask: () => Promise.reject(new Error("nobody is there")),
    })
    return { code, out, err, json: () => JSON.parse(out) as Json }
  }

  it("go the whole way of a client and print its tokens", async () => {
    const done = await just("oauth-test-tokens", url())
    expect(done.code, done.err).toBe(0)
    const tokens = done.json()
    expect(tokens).toMatchObject({
      resource: url(),
      scope: "mcp:read mcp:write",
      claims: { aud: [url()], sub: "local-ADMIN" },
    })
    expect((await call(tokens["access_token"])).status).toBe(200)
    const { jti, sid } = tokens["claims"]
    expect((await just("oauth-token-show", jti)).json()).toMatchObject({ user: "ADMIN", status: "active" })
    expect((await just("oauth-session-show", sid)).json()).toMatchObject({ kind: "grant", user: "ADMIN" })
    expect((await just("oauth-session-revoke", sid)).code).toBe(3)
    expect((await just("oauth-session-revoke", sid, "--yes")).code).toBe(0)
    expect((await call(tokens["access_token"])).status).toBe(401)
    expect(await just("oauth-session-show", sid)).toMatchObject({ code: 1, err: expect.stringContaining("not_found") })
  })

  it("register a client", async () => {
    const registered = await just("oauth-client-register", "By hand", "http://localhost:9999/cb")
    expect(registered.code, registered.err).toBe(0)
    const { client_id, client_secret } = registered.json()
    expect(client_secret).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect((await just("oauth-client-show", client_id)).json()).toMatchObject({
      client_name: "By hand",
      metadata: { redirect_uris: ["http://localhost:9999/cb"], scope: "mcp:read mcp:write" },
    })
    expect((await just("oauth-client-tokens", client_id)).json()).toMatchObject({ tokens: [] })
    expect((await just("oauth-client-stats", client_id)).json()).toMatchObject({ issued: 0 })
    expect(await just("oauth-client-register", "Wrong", "http://far.example/cb")).toMatchObject({
      code: 1,
      err: expect.stringContaining("invalid_redirect_uri"),
    })
  })

  it("show, verify, clean up, and name what is broken", async () => {
    for (const name of [
      "oauth-tokens-stats",
      "oauth-metrics",
      "oauth-health",
      "oauth-clients-list",
      "oauth-sessions-list",
      "oauth-proxy-status",
    ])
      expect(await just(name), name).toMatchObject({ code: 0, err: "" })
    expect((await just("oauth-proxy-status", "mcp.test")).json()).toMatchObject({
      hostname: "mcp.test",
      sessions: [{ user: "alice" }],
    })
    expect((await just("oauth-routes-setup", "localhost")).json()).toMatchObject({
      success: true,
      status: { is_complete: true },
    })
    expect((await just("oauth-tokens-cleanup", "--yes")).json()).toMatchObject({ dry_run: false })
    expect((await just("mcp-doctor", url())).json()).toMatchObject({ ok: true })
    expect(await just("mcp-doctor", "down.test", "--output", "table")).toMatchObject({
      code: 1,
      out: expect.stringMatching(/challenge +failed +A call without a token is answered 502/),
      err: expect.stringContaining("broken: challenge:"),
    })
  })
})

describe("while Redis is away", () => {
  it("what stands in the log is shown, and what cannot be known is null", async () => {
    redis.pause()
    try {
      const metrics = await read("getOAuthMetrics", "metrics")
      expect(metrics).toMatchObject({
        clients: { total: 7 },
        tokens: {
          access: { total: null, active: null, issued_last_hour: null },
          refresh: { total: null, active: null },
        },
        auth_flows: { token_requests: { last_hour: null, success_rate: null } },
        errors: null,
      })
      expect((await read("listOAuthSessions", "sessions?kind=grant"))["sessions"]).toMatchObject([
        { user: "alice", active_tokens: null, accessed_proxies: null },
      ])
      expect(await read("getOAuthHealth", "health")).toMatchObject({
        status: "unhealthy",
        checks: {
          redis_connection: { status: "unhealthy" },
          jwks_endpoint: { status: "healthy" },
          token_validation: { status: "healthy" },
        },
      })
    } finally {
      redis.resume()
    }
  })
})
