import { api } from "../support/gatehouse.ts"
import { describe, expect, it } from "vitest"
import { agent } from "../support/browser.ts"
import { fetch } from "undici"
import {
  oauthInstallation,
  type Json,
  node,
  root,
  alice,
  login,
  read,
  statusOf,
  signInAnew,
} from "./oauth-installation.ts"

oauthInstallation()

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
