import { Client as Client2, StreamableHTTPClientTransport as Transport2 } from "@modelcontextprotocol/client"
import { type ProtectedServer, protectedServer } from "../support/protected-server.ts"
import { type ToolServer, dualEraServer, sessionServer } from "../support/tool-server.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Client as Client1 } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as Transport1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { mcpLogin } from "../support/mcp-login.ts"

let sessions: ToolServer
let both: ToolServer
let gate: ProtectedServer

const host = "mcp.localhost"
const mcp = {
  mcp_scopes: ["mcp:read", "mcp:write", "mcp:admin"],
  mcp_scope_rules: [{ scope: "mcp:admin", users: ["*"] }],
  mcp_policy: {
    default: "allow",
    rules: [
      { kind: "tool", match: ["delete_all"], action: "deny" },
      { kind: "tool", match: ["delete_*"], action: "allow", scopes: ["mcp:admin"] },
      { kind: "prompt", match: ["secret"], action: "allow", users: ["somebody-else"] },
      { kind: "resource", match: ["file:///closed/*"], action: "deny" },
    ],
  },
}

beforeAll(async () => {
  sessions = await sessionServer()
  both = await dualEraServer()
  gate = await protectedServer(sessions.url)
  await settings(sessions)
})
afterAll(async () => {
  await gate?.stop()
  await both?.stop()
  await sessions?.stop()
})

async function settings(server: ToolServer, change: object = {}): Promise<void> {
  const { api } = gate.node
  expect((await api("PUT", `/api/v1/proxy/targets/${host}`, { target_url: server.url })).status).toBe(200)
  expect((await api("POST", `/api/v1/proxy/targets/${host}/mcp`, { ...mcp, ...change })).status).toBe(200)
}

/** A client that has signed in, and its transport's maker. */
function connecting(make: (url: URL, options: object) => unknown) {
  const login = mcpLogin(gate.ca, gate.person)
  return { login, transport: () => make(new URL(gate.url), { authProvider: login.provider, fetch: login.fetch }) }
}
const names = (items: readonly { name: string }[]) => items.map(({ name }) => name).sort()

describe("@modelcontextprotocol/sdk with sessions", () => {
  it("sees and uses what the policy allows, and steps up for what only lacks a scope", async () => {
    await settings(sessions)
    const login = mcpLogin(gate.ca, gate.person)
    // With a refresh token this client refreshes instead of asking for more, and gives up.
    const tokens = () => {
      const { refresh_token: _, ...rest } = login.tokens() ?? { access_token: "" }
      return login.tokens() && rest
    }
    const authProvider = { ...login.provider, tokens } as never
    const transport = () => new Transport1(new URL(gate.url), { authProvider, fetch: login.fetch })
    const client = () => new Client1({ name: "e2e", version: "1" })
    const first = transport()
    await expect(client().connect(first as never)).rejects.toThrow("Unauthorized")
    await first.finishAuth(login.callback().searchParams.get("code")!)
    expect(login.tokens()?.scope).toBe("mcp:read mcp:write")
    const session = client()
    const used = transport()
    await session.connect(used)
    // What the client has is not the backend's own id.
    expect(used.sessionId).toMatch(/^[\w-]{8}\.[\w-]{43}\.[0-9a-f-]{36}$/)
    expect(names((await session.listTools()).tools)).toEqual(["delete_file", "read_file"])
    expect(names((await session.listPrompts()).prompts)).toEqual(["greet"])
    expect(names((await session.listResources()).resources)).toEqual(["open"])
    expect((await session.listResourceTemplates()).resourceTemplates).toEqual([])
    expect(JSON.stringify(await session.callTool({ name: "read_file" }))).toContain("read_file done")
    await expect(session.callTool({ name: "delete_all" })).rejects.toThrow("not allowed here")
    await expect(session.getPrompt({ name: "secret" })).rejects.toThrow("not allowed here")
    await expect(session.readResource({ uri: "file:///open/../closed/a" })).rejects.toThrow("not allowed here")
    await expect(session.callTool({ name: "delete_file" })).rejects.toThrow("Unauthorized")
    await used.finishAuth(login.callback().searchParams.get("code")!)
    expect(login.tokens()?.scope?.split(" ")).toContain("mcp:admin")
    expect(JSON.stringify(await session.callTool({ name: "delete_file" }))).toContain("delete_file done")
    expect(sessions.carriedOut).toEqual(["read_file", "delete_file"])
    await session.close()
  })

  it("cannot use another client's session, though the person is the same", async () => {
    const one = connecting((url, options) => new Transport1(url, options))
    const two = connecting((url, options) => new Transport1(url, options))
    const ids: string[] = []
    for (const { login, transport } of [one, two]) {
      const first = transport() as Transport1
      await expect(new Client1({ name: "e2e", version: "1" }).connect(first as never)).rejects.toThrow("Unauthorized")
      await first.finishAuth(login.callback().searchParams.get("code")!)
      const used = transport() as Transport1
      await new Client1({ name: "e2e", version: "1" }).connect(used)
      ids.push(used.sessionId!)
    }
    const ping = (login: typeof one.login, id: string) =>
      login.fetch(gate.url, {
        method: "POST",
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }),
        headers: {
          authorization: `Bearer ${login.tokens()!.access_token}`,
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
          "mcp-protocol-version": "2025-11-25",
          "mcp-session-id": id,
        },
      })
    expect((await ping(one.login, ids[0]!)).status).toBe(200)
    expect((await ping(one.login, ids[1]!)).status).toBe(404)
    expect((await ping(one.login, ids[1]!.split(".").at(-1)!)).status).toBe(404)
  })
})

describe("@modelcontextprotocol/client", () => {
  it.each(["legacy", "modern"] as const)("does the same in the %s era", async (era) => {
    await settings(both)
    both.carriedOut.length = 0
    const { login, transport } = connecting((url, options) => new Transport2(url, options))
    const client = () =>
      new Client2(
        { name: "e2e", version: "1" },
        era === "modern" ? { versionNegotiation: { mode: { pin: "2026-07-28" } } } : {},
      )
    const first = transport() as Transport2
    await expect(client().connect(first)).rejects.toThrow("Unauthorized")
    await first.finishAuth(login.callback().searchParams)
    const session = client()
    const used = transport() as Transport2
    await session.connect(used)
    expect(names((await session.listTools()).tools)).toEqual(["delete_file", "read_file"])
    expect(JSON.stringify(await session.callTool({ name: "read_file" }))).toContain("read_file done")
    await expect(session.callTool({ name: "delete_all" })).rejects.toThrow()
    await expect(session.callTool({ name: "delete_file" })).rejects.toThrow("Unauthorized")
    await used.finishAuth(login.callback().searchParams)
    // A step-up keeps what was granted before.
    expect(login.tokens()?.scope?.split(" ")).toEqual(expect.arrayContaining(["mcp:admin", "mcp:read", "mcp:write"]))
    expect(JSON.stringify(await session.callTool({ name: "delete_file" }))).toContain("delete_file done")
    expect(both.carriedOut).toEqual(["read_file", "delete_file"])
    await session.close()
  })

  it("falls back to what a proxy lets pass", async () => {
    await settings(both, { mcp_versions: ["2025-11-25"] })
    const token = await gate.accessToken()
    const { login } = connecting(() => undefined)
    const fetch = ((url: string, init: RequestInit) =>
      login.fetch(url, {
        ...init,
        headers: { ...Object.fromEntries(new Headers(init.headers)), authorization: `Bearer ${token}` },
      })) as typeof globalThis.fetch
    const session = new Client2({ name: "e2e", version: "1" }, { versionNegotiation: { mode: "auto" } })
    await session.connect(new Transport2(new URL(gate.url), { fetch }))
    expect(names((await session.listTools()).tools)).toEqual(["delete_file", "read_file"])
    await session.close()
  })
})
