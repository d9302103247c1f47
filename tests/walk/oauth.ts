import { describe, expect, it } from "vitest"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { type Login, mcpLogin } from "../support/mcp-login.ts"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import type { System } from "./system.ts"
import { connect } from "node:tls"
import { eventually } from "../support/gatehouse.ts"
import type { Json, Uses } from "./uses.ts"

const api = "/api/v1/oauth"

/** Does a handshake with the host end in a certificate that its clients trust? */
function isServed({ node, roots }: System, servername: string): Promise<boolean> {
  return new Promise((resolve) => {
    const to = { host: "127.0.0.1", port: node.httpsPort, servername, ca: [...roots] }
    const socket = connect(to, () => {
      socket.end()
      resolve(true)
    })
    socket.once("error", () => resolve(false))
  })
}

/** Someone's client signs in to an MCP host; then everything that the administration of OAuth shows and ends. */
export function walkOAuth(
  { call, refuse, recipe, fail }: Uses,
  system: () => System,
  signedIn: (login: Login) => void,
): void {
  const url = () => `https://mcp.internal:${system().node.httpsPort}/mcp`
  let login: Login
  let claims: { jti: string; sid: string; client_id: string }

  describe("administration of OAuth", () => {
    it("knows the client that signed in", async () => {
      const { alice: token, mcp } = system()
      const host = { token, params: { hostname: "mcp.internal" } }
      await call("POST /api/v1/proxy/targets", 201, { token, body: { hostname: "mcp.internal", target_url: mcp.url } })
      await call("POST /api/v1/proxy/targets/{hostname}/auth", 200, { ...host, body: { auth_proxy: "auth.localhost" } })
      await call("POST /api/v1/proxy/targets/{hostname}/mcp", 200, { ...host, body: {} })
      await recipe("cert-status", ["proxy-mcp-internal", "alice", "wait"])
      // It is issued; the listener takes a moment to open its key.
      await eventually("mcp.internal is served with its certificate", () => isServed(system(), "mcp.internal"))
      login = mcpLogin([...system().roots], token)
      signedIn(login)
      const transport = () =>
        new StreamableHTTPClientTransport(new URL(url()), { authProvider: login.provider as never, fetch: login.fetch })
      const first = transport()
      const client = () => new Client({ name: "walk", version: "1" })
      await expect(client().connect(first as never)).rejects.toThrow("Unauthorized")
      await first.finishAuth(login.callback().searchParams.get("code")!)
      const connected = client()
      await connected.connect(transport())
      expect((await connected.listTools()).tools.length).toBeGreaterThan(3)
      await connected.close()
      claims = JSON.parse(
        Buffer.from(login.tokens()!.access_token.split(".")[1]!, "base64url").toString(),
      ) as typeof claims
    })

    it("shows clients, tokens, sessions, proxies and counts through the API", async () => {
      const { alice: token, bob } = system()
      const client = { params: { client_id: login.clientId()! }, token }
      expect((await call(`GET ${api}/clients`, 200, { token })).body["clients"]).toMatchObject([
        { client_id: login.clientId(), kind: "dynamic" },
      ])
      await refuse(`GET ${api}/clients`, 422, "validation_failed", { query: "sort_by=secret" })
      expect((await call(`GET ${api}/clients/{client_id}`, 200, client)).body).toMatchObject({
        proxy_associations: [{ hostname: "mcp.internal" }],
      })
      expect((await call(`GET ${api}/clients/{client_id}/tokens`, 200, client)).body["summary"]).toEqual({
        access: 1,
        refresh: 1,
        active: 2,
      })
      for (const part of ["", "/tokens"])
        await refuse(`GET ${api}/clients/{client_id}${part}`, 404, "not_found", { ...client, token: bob })
      expect((await call(`GET ${api}/tokens`, 200, { token })).body["summary"]).toMatchObject({
        access: { total: 1, active: 1 },
      })
      await refuse(`GET ${api}/tokens`, 422, "validation_failed", { query: "token_type=secret" })
      const jti = { params: { jti: claims.jti }, token }
      expect((await call(`GET ${api}/tokens/{jti}`, 200, jti)).body).toMatchObject({
        status: "active",
        aud: [url()],
        user: "alice",
      })
      await refuse(`GET ${api}/tokens/{jti}`, 404, "not_found", { ...jti, token: bob })
      expect((await call(`GET ${api}/sessions`, 200, { token, query: "kind=grant" })).body["sessions"]).toMatchObject([
        { session_id: claims.sid },
      ])
      await refuse(`GET ${api}/sessions`, 422, "validation_failed", { query: "kind=other" })
      const session = { params: { session_id: claims.sid }, token }
      expect((await call(`GET ${api}/sessions/{session_id}`, 200, session)).body).toMatchObject({
        kind: "grant",
        resources: [url()],
      })
      await refuse(`GET ${api}/sessions/{session_id}`, 404, "not_found", { ...session, token: bob })
      const proxies = (await call(`GET ${api}/proxies`, 200, { token })).body["proxies"] as Json[]
      expect(proxies.find(({ hostname }) => hostname === "mcp.internal")).toMatchObject({
        auth_enabled: true,
        active_sessions: 1,
      })
      await refuse(`GET ${api}/proxies`, 422, "validation_failed", { query: "order=up" })
      const host = { params: { hostname: "mcp.internal" }, token }
      expect((await call(`GET ${api}/proxies/{hostname}/sessions`, 200, host)).body["sessions"]).toMatchObject([
        { session_id: claims.sid },
      ])
      await refuse(`GET ${api}/proxies/{hostname}/sessions`, 403, "not_owner", { ...host, token: bob })
      expect((await call(`GET ${api}/metrics`, 200)).body).toMatchObject({ clients: { total: 1 }, errors: {} })
      expect((await call(`GET ${api}/health`, 200)).body).toMatchObject({ status: "healthy" })
      for (const name of ["metrics", "health"]) await refuse(`GET ${api}/${name}`, 403, "admin_required", { token })
    })

    it("shows, checks and cleans up through the recipes", async () => {
      const id = login.clientId()!
      expect((await recipe("oauth-clients-list"))["clients"]).toMatchObject([{ client_id: id }])
      expect(await recipe("oauth-client-show", [id])).toMatchObject({ client_id: id })
      expect((await recipe("oauth-client-tokens", [id]))["tokens"]).toHaveLength(2)
      expect(await recipe("oauth-client-stats", [id])).toMatchObject({ issued: 1 })
      expect((await recipe("oauth-tokens-stats"))["summary"]).toMatchObject({ access: { total: 1 } })
      expect(await recipe("oauth-token-show", [claims.jti])).toMatchObject({ jti: claims.jti })
      for (const name of [
        "oauth-client-show",
        "oauth-client-tokens",
        "oauth-client-stats",
        "oauth-token-show",
        "oauth-session-show",
        "oauth-session-revoke",
      ])
        await fail(name, ["none"], 1, /^not_found: /)
      expect((await recipe("oauth-sessions-list"))["sessions"]).toHaveLength(2)
      expect(await recipe("oauth-session-show", [claims.sid])).toMatchObject({ user: "alice" })
      expect(await recipe("oauth-metrics")).toMatchObject({ clients: { total: 1 } })
      expect(await recipe("oauth-health")).toMatchObject({ status: "healthy" })
      expect(await recipe("oauth-proxy-status", ["mcp.internal"])).toMatchObject({ sessions: [{ user: "alice" }] })
      await fail("oauth-proxy-status", ["none.test"], 1, /^not_found: /)
      await call("POST /api/v1/resources/auto-register", 200)
      expect(await recipe("resource-validate", [url(), login.tokens()!.access_token])).toMatchObject({ valid: true })
      expect(await recipe("oauth-routes-setup", ["localhost"])).toMatchObject({ success: true })
      await fail("oauth-routes-setup", ["elsewhere.test"], 1, /^unknown_auth_proxy: /)
      expect(await recipe("oauth-client-register", ["By hand", "http://localhost:9999/cb"])).toMatchObject({
        client_id: expect.any(String),
      })
      await fail("oauth-client-register", ["Wrong", "http://far.example/cb"], 1, /^invalid_redirect_uri: /)
      const tokens = await recipe("oauth-test-tokens", [url()])
      expect(tokens).toMatchObject({ resource: url(), claims: { sub: "local-ADMIN" } })
      await fail(
        "oauth-test-tokens",
        [`https://mcp.internal:${system().node.httpsPort}/elsewhere?x=y`],
        1,
        /^broken: |^not_protected: /,
      )
      await fail("oauth-session-revoke", [(tokens["claims"] as { sid: string }).sid], 3, /ADMIN will be signed out/)
      await recipe("oauth-session-revoke", [(tokens["claims"] as { sid: string }).sid, "--yes"])
      await fail("oauth-tokens-cleanup", [], 3, /will be removed/)
      expect(await recipe("oauth-tokens-cleanup", ["--yes"])).toMatchObject({ dry_run: false })
    })

    it("ends a session", async () => {
      const session = { params: { session_id: claims.sid }, token: system().alice }
      await refuse(`DELETE ${api}/sessions/{session_id}`, 404, "not_found", { ...session, token: system().bob })
      await call(`DELETE ${api}/sessions/{session_id}`, 204, session)
      expect(
        (
          await login.fetch(url(), {
            method: "POST",
            headers: { authorization: `Bearer ${login.tokens()!.access_token}` },
          })
        ).status,
      ).toBe(401)
    })
  })
}
