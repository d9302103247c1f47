import { eventually } from "../support/gatehouse.ts"
import { describe, expect, it } from "vitest"
import { agent } from "../support/browser.ts"
import { fetch } from "undici"
import {
  oauthInstallation,
  type Json,
  node,
  root,
  alice,
  bob,
  login,
  started,
  url,
  read,
  statusOf,
  signIn,
  call,
} from "./oauth-installation.ts"

oauthInstallation()

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
