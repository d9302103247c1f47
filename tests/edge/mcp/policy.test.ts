import { type GuardedEdge, guardedEdge } from "./guarded-edge.ts"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { extractWWWAuthenticateParams } from "@modelcontextprotocol/sdk/client/auth.js"

let gate: GuardedEdge

beforeAll(async () => {
  gate = await guardedEdge()
})
beforeEach(() => {
  gate.backend.reset()
  gate.auth({})
})
afterAll(() => gate.close())

const message = (method: string, params: object = {}, id: unknown = 1) => ({ jsonrpc: "2.0", id, method, params })
const call = (name: string, id: unknown = 1) => message("tools/call", { name, arguments: {} }, id)
const rules = (...given: object[]) => ({ mcp_policy: { default: "allow", rules: given } })
const deny = { kind: "tool", match: ["delete_*"], action: "deny" }
const modern = (method: string, params: Record<string, unknown>) => ({
  body: message(method, { ...params, _meta: { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } }),
  headers: {
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": method,
    ...(typeof params["name"] === "string" && { "Mcp-Name": params["name"] }),
    ...(typeof params["uri"] === "string" && { "Mcp-Name": params["uri"] }),
  },
})

describe("a call that the policy denies", () => {
  it("is 403 with the request's id and no challenge, in both eras, and never reaches the backend", async () => {
    gate.mcp(rules(deny))
    const legacy = await gate.call(call("delete_all", "q"))
    const { body, headers } = modern("tools/call", { name: "delete_all" })
    for (const [answer, id] of [
      [legacy, "q"],
      [await gate.call(body, { headers }), 1],
    ] as const) {
      expect(answer.status).toBe(403)
      expect(answer.json).toEqual({
        jsonrpc: "2.0",
        id,
        error: { code: -32000, message: "This identity is not allowed here.", data: { code: "forbidden" } },
      })
      expect(answer.headers.get("www-authenticate")).toBeNull()
    }
    expect(gate.backend.requests).toEqual([])
    expect((await gate.call(call("read_all"))).status).toBe(200)
  })

  it("is denied as a notification too, and as one of a batch", async () => {
    gate.mcp(rules(deny))
    const notification = await gate.call({ jsonrpc: "2.0", method: "tools/call", params: { name: "delete_x" } })
    expect([notification.status, notification.json?.id]).toEqual([403, undefined])
    const batch = await gate.call([message("ping"), call("read"), call("delete_x")])
    expect([batch.status, batch.json?.id]).toEqual([403, undefined])
    expect(gate.backend.requests).toEqual([])
  })

  it("may be a prompt, a resource, a subscription or one of many", async () => {
    gate.mcp(
      rules(
        { kind: "prompt", match: ["secret"], action: "deny" },
        { kind: "resource", match: ["file:///secret/*"], action: "deny" },
      ),
    )
    const uri = "file:///secret/a"
    for (const refused of [
      message("prompts/get", { name: "secret" }),
      message("resources/read", { uri }),
      message("resources/subscribe", { uri }),
      message("subscriptions/listen", { notifications: { resourceSubscriptions: ["file:///b", uri] } }),
    ])
      expect((await gate.call(refused)).status, refused.method).toBe(403)
    for (const odd of [{ resourceSubscriptions: uri }, { resourceSubscriptions: [[uri]] }])
      expect((await gate.call(message("subscriptions/listen", { notifications: odd }))).status).toBe(400)
    expect(gate.backend.requests).toEqual([])
    for (const passes of [
      message("initialize"),
      message("ping"),
      message("server/discover"),
      message("resources/unsubscribe", { uri }),
      message("completion/complete", { ref: { type: "ref/prompt", name: "secret" } }),
      message("logging/setLevel", { level: "debug" }),
      message("subscriptions/listen", { notifications: { toolsListChanged: true } }),
      message("prompts/get", { name: "open" }),
    ])
      expect((await gate.call(passes)).status, passes.method).toBe(200)
  })

  it("follows people: user, e-mail, group, machine, and nobody where nobody is known", async () => {
    const as = async (rule: object, options = {}) => {
      gate.mcp(rules({ kind: "tool", match: ["x"], action: "allow", ...rule }))
      return (await gate.call(call("x"), options)).status
    }
    expect(await as({ users: ["octocat"] })).toBe(200)
    expect(await as({ users: ["somebody"] })).toBe(403)
    expect(await as({ groups: ["acme/dev"], emails: ["*@example.com"] })).toBe(200)
    expect(await as({ groups: ["acme/ops"] })).toBe(403)
    gate.auth({ auth_mode: "passthrough" })
    expect(await as({ users: ["*"] }, { token: null })).toBe(403)
    expect(await as({}, { token: null })).toBe(200)
    gate.auth({ auth_enabled: false })
    expect(await as({ users: ["*"] }, { token: null })).toBe(403)
    expect(await as({ scopes: ["mcp:write"] }, { token: null })).toBe(403)
  })

  it("cannot be made over a WebSocket, which nobody could judge", async () => {
    const upgrade = {
      method: "GET",
      headers: {
        Connection: "Upgrade",
        Upgrade: "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
      },
    }
    gate.mcp(rules(deny))
    expect((await gate.call(undefined, upgrade)).status).toBe(403)
    expect(gate.backend.requests).toEqual([])
  })

  it("is in the access log with its tool, user, client and rule", async () => {
    gate.mcp(rules({ kind: "tool", match: ["ok"], action: "allow" }, deny))
    await gate.call(call("delete_logged"))
    await gate.call(call("ok"))
    const record = (name: string) => gate.edge.records.find(({ mcp }) => mcp?.name === name)
    await expect.poll(() => record("ok")).toBeDefined()
    expect(record("delete_logged")).toMatchObject({
      status: 403,
      subject: "github-583231",
      client_id: "mcp_client1",
      reason: "tool_not_allowed",
      mcp: { method: "tools/call", name: "delete_logged", rule: "2" },
    })
    expect(record("ok")).toMatchObject({ status: 200, reason: null, mcp: { rule: "1" } })
  })

  it.each([
    ["https://files.test/a?token=secret", "https://files.test/a"],
    ["https://user:secret@files.test/b#secret", "https://files.test/b"],
    [`https://user:secret${"x".repeat(300)}@files.test/c`, "https://files.test/c"],
  ])("leaves out of the access log what may be a credential: %s", async (uri, shown) => {
    gate.mcp({})
    await gate.call(message("resources/read", { uri }))
    await expect
      .poll(() => gate.edge.records.at(-1)?.mcp)
      .toEqual({ method: "resources/read", name: shown, rule: null })
    expect(gate.backend.requests.at(-1)!.body).toContain(uri)
  })
})

describe("a call that lacks scopes", () => {
  it("is 403 insufficient_scope with all scopes of the operation, in both eras", async () => {
    gate.mcp({
      mcp_scopes: ["mcp:read", "mcp:write", "files:delete"],
      ...rules({ kind: "tool", match: ["x"], action: "allow", scopes: ["mcp:write", "files:delete"] }),
    })
    const token = gate.token({ scope: "mcp:write" })
    const { body, headers } = modern("tools/call", { name: "x" })
    for (const answer of [await gate.call(call("x", 1), { token }), await gate.call(body, { token, headers })]) {
      expect([answer.status, answer.json?.id, answer.json?.error?.data?.code]).toEqual([403, 1, "insufficient_scope"])
      const challenge = extractWWWAuthenticateParams(new Response(null, { headers: answer.headers }))
      expect(challenge.error).toBe("insufficient_scope")
      expect(challenge.scope).toBe("mcp:write files:delete")
      expect(String(challenge.resourceMetadataUrl)).toBe(
        "https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
      )
    }
    expect(gate.backend.requests).toEqual([])
    expect(
      (await gate.call(call("x"), { token: gate.token({ scope: "mcp:admin files:delete", jti: "j2" }) })).status,
    ).toBe(200)
  })

  it("names those of a whole batch at once, unless one of it is denied anyway", async () => {
    const scoped = (name: string, scope: string) => ({ kind: "tool", match: [name], action: "allow", scopes: [scope] })
    gate.mcp({ mcp_scopes: ["mcp:read", "a", "b"], ...rules(scoped("a", "a"), scoped("b", "b"), deny) })
    const token = gate.token({ scope: "mcp:read" })
    const answer = await gate.call([call("a"), call("b")], { token })
    expect(answer.headers.get("www-authenticate")).toContain('scope="a b"')
    const denied = await gate.call([call("a"), call("delete_x")], { token })
    expect([denied.status, denied.headers.get("www-authenticate")]).toEqual([403, null])
  })

  it("of nobody is asked to sign in", async () => {
    gate.auth({ auth_mode: "passthrough" })
    gate.mcp(rules({ kind: "tool", match: ["x"], action: "allow", scopes: ["mcp:write"] }))
    const answer = await gate.call(call("x"), { token: null })
    expect(answer.status).toBe(401)
    expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer realm="mcp.example.com", scope=/)
  })
})
