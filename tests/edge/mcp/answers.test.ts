import { type GuardedEdge, guardedEdge } from "./guarded-edge.ts"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { rawClient } from "../../support/raw-client.ts"

let gate: GuardedEdge

beforeAll(async () => {
  gate = await guardedEdge()
})
beforeEach(() => {
  gate.backend.reset()
  gate.auth({})
  gate.mcp({})
})
afterAll(() => gate.close())

const version = "2026-07-28"
const list = { jsonrpc: "2.0", id: 1, method: "tools/list", params: {} }
const modern = (message: { method: string; params: object }, headers: Record<string, string> = {}) =>
  [
    { ...message, params: { ...message.params, _meta: { "io.modelcontextprotocol/protocolVersion": version } } },
    { headers: { "MCP-Protocol-Version": version, "Mcp-Method": message.method, ...headers } },
  ] as const
const policy = { default: "allow", rules: [{ kind: "tool", match: ["secret"], action: "deny" }] }
const tools = (...names: string[]) =>
  JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    result: { tools: names.map((name) => ({ name })), cacheScope: "public", nextCursor: "c" },
  })
const answer = (body: string, head = "Content-Type: application/json\r\n", status = "200 OK") => {
  gate.backend.respond = ({ socket }) =>
    void socket.write(`HTTP/1.1 ${status}\r\n${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
}

describe("a list", () => {
  it("goes through untouched when nothing of it can be hidden", async () => {
    const body = ` ${tools("secret")}`
    answer(body, "Content-Type: application/json\r\nETag: x\r\n")
    const [first, second] = [await gate.call(list), await gate.call(...modern(list))]
    for (const { text, headers } of [first, second]) {
      expect(text).toBe(body)
      expect([headers.get("etag"), headers.get("content-length")]).toEqual(["x", String(body.length)])
    }
  })

  it("is shortened in JSON and in events, in both eras, and says that it is private", async () => {
    gate.mcp({ mcp_policy: policy })
    for (const [body, head] of [
      [tools("open", "secret"), "Content-Type: application/json\r\nETag: x\r\n"],
      [tools("open", "secret"), ""],
      [`event: message\ndata: ${tools("open", "secret")}\n\n`, "Content-Type: text/event-stream\r\n"],
    ] as const) {
      answer(body, head)
      for (const { status, text, headers } of [await gate.call(list), await gate.call(...modern(list))]) {
        expect(status).toBe(200)
        expect(text).toContain('"open"')
        expect(text).not.toContain("secret")
        expect(text).toContain('"cacheScope":"private","nextCursor":"c"')
        expect(headers.get("etag")).toBeNull()
      }
    }
    expect(gate.backend.requests.at(-1)!.headers.join()).not.toContain("Accept-Encoding")
  })

  it("that cannot be looked into does not go through", async () => {
    gate.mcp({ mcp_policy: policy })
    answer("x", "Content-Type: application/json\r\nContent-Encoding: br\r\n")
    expect((await gate.call(list, { headers: { "Accept-Encoding": "br" } })).status).toBe(502)
    expect(gate.backend.requests.at(-1)!.headers.join().toLowerCase()).not.toContain("accept-encoding")
    answer('{"result":{"tools":[')
    await expect(gate.call(list)).rejects.toThrow()
    await expect.poll(() => gate.edge.records.map(({ reason }) => reason)).toContain("mcp_answer_unreadable")
  })

  it("of others is never asked about: calls, errors and other paths pass byte by byte", async () => {
    gate.mcp({ mcp_policy: policy })
    const body = tools("secret")
    answer(body)
    const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "open" } }
    expect((await gate.call(call)).text).toBe(body)
    answer(body, "", "404 Not Found")
    expect((await gate.call(list)).text).toBe(body)
  })

  it("that is replayed on a stream is shortened by the policy of that moment", async () => {
    gate.mcp({ mcp_policy: { default: "allow", rules: [{ kind: "tool", match: ["other"], action: "deny" }] } })
    gate.backend.respond = ({ socket }) =>
      void socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    const client = await rawClient(gate.edge.httpPort)
    client.socket.write(
      `GET /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nAuthorization: Bearer ${gate.token()}\r\nLast-Event-ID: 4\r\n\r\n`,
    )
    await client.until((text) => text.includes("200 OK"))
    const send = (text: string) => {
      for (const socket of gate.backend.sockets) socket.write(`${text.length.toString(16)}\r\n${text}\r\n`)
    }
    send(`id: 5\ndata: ${tools("secret", "one")}\n\n`)
    await client.until((text) => text.includes('"one"'))
    gate.mcp({ mcp_policy: policy })
    send(`id: 6\ndata: ${tools("secret", "two")}\n\n`)
    const text = await client.until((got) => got.includes('"two"'))
    expect(text.match(/"secret"/g)).toHaveLength(1)
    expect(text).toContain("id: 6")
    client.socket.destroy()
  })
})

describe("a legacy session", () => {
  const ping = { jsonrpc: "2.0", id: "p", method: "ping" }
  const start = async (token = gate.token()) => {
    answer("{}", "Content-Type: application/json\r\nMcp-Session-Id: backend-1\r\n")
    return (await gate.call({ ...ping, method: "initialize" }, { token })).headers.get("mcp-session-id")!
  }

  it("has a wrapped id outside and the backend's own inside, for every method", async () => {
    const id = await start()
    expect(id).toMatch(/^[\x21-\x7e]+\.backend-1$/)
    expect(id).not.toBe("backend-1")
    for (const method of ["POST", "GET", "DELETE"]) {
      const body = method === "POST" ? ping : undefined
      expect((await gate.call(body, { method, headers: { "Mcp-Session-Id": id } })).status, method).toBe(200)
      expect(gate.backend.requests.at(-1)!.headers.filter((line) => /session/i.test(line))).toEqual([
        "Mcp-Session-Id: backend-1",
      ])
    }
  })

  it("is another's 404, with the request's id, and never reaches the backend", async () => {
    const id = await start()
    gate.backend.reset()
    const headers = { "Mcp-Session-Id": id }
    const foreign = gate.token({ sub: "github-2", jti: "j2", sid: "grant-0002" })
    gate.edge.projections.append("grant", "grant-0002", "GrantIssued", {
      client_id: "mcp_client1",
      subject: "github-2",
      username: "Mona",
      email: null,
      email_verified: false,
      provider: "github",
      scope: "mcp:read",
      resources: [],
      redirect_uri: "http://127.0.0.1/callback",
    })
    const stolen = await gate.call(ping, { token: foreign, headers })
    expect([stolen.status, stolen.json?.id, stolen.json?.error?.code]).toEqual([404, "p", -32001])
    for (const method of ["GET", "DELETE"])
      expect((await gate.call(undefined, { token: foreign, method, headers })).status).toBe(404)
    for (const odd of ["backend-1", `${id}x`, id.replace(/^./, "_"), "x"])
      expect((await gate.call(ping, { headers: { "Mcp-Session-Id": odd } })).status, odd).toBe(404)
    expect(gate.backend.requests).toEqual([])
  })

  it("the backend's own 404 for it passes", async () => {
    const id = await start()
    answer('{"error":"no session"}', "", "404 Not Found")
    const { status, text } = await gate.call(ping, { headers: { "Mcp-Session-Id": id } })
    expect([status, text]).toEqual([404, '{"error":"no session"}'])
  })

  it("does not exist in the modern era, neither way", async () => {
    answer("{}", "Mcp-Session-Id: backend-1\r\n")
    const got = await gate.call(...modern({ ...ping, params: {} }, { "Mcp-Session-Id": "anything" }))
    expect([got.status, got.headers.get("mcp-session-id")]).toEqual([200, null])
    expect(gate.backend.requests.at(-1)!.headers.join()).not.toMatch(/session/i)
  })
})

describe("a parameter that a tool wants in a header", () => {
  const call = (region: string, headers: Record<string, string> = {}) =>
    gate.call(
      ...modern(
        { ...list, method: "tools/call", params: { name: "sql", arguments: { region } } },
        { "Mcp-Name": "sql", ...headers },
      ),
    )
  const inputSchema = { type: "object", properties: { region: { type: "string", "x-mcp-header": "Region" } } }
  const schema = JSON.stringify({ jsonrpc: "2.0", id: 1, result: { tools: [{ name: "sql", inputSchema }] } })

  it("is compared once a list was seen, and forwarded always", async () => {
    expect((await call("us", { "Mcp-Param-Region": "eu", "Mcp-Param-Unknown": "x" })).status).toBe(200)
    expect(gate.backend.requests.at(-1)!.headers).toContain("Mcp-Param-Unknown: x")
    answer(`event: message\r\ndata: ${schema}\r\n\r\n`, "Content-Type: text/event-stream\r\n")
    await gate.call(...modern(list))
    answer("{}")
    for (const headers of [{ "Mcp-Param-Region": "eu" }, undefined]) {
      const refused = await call("us", headers)
      expect([refused.status, refused.json?.id, refused.json?.error?.code]).toEqual([400, 1, -32020])
    }
    expect((await call("us", { "mcp-param-region": "us", "Mcp-Param-Unknown": "x" })).status).toBe(200)
    // Another backend may have another tool of that name.
    gate.edge.projections.append("proxy", "mcp.example.com", "ProxyUpdated", {
      target_url: `http://localhost:${gate.backend.port}`,
    })
    expect((await call("us")).status).toBe(200)
  })
})

describe("a page of another origin", () => {
  const ping = { jsonrpc: "2.0", id: 1, method: "ping" }
  const from = (Origin: string, method = "POST") =>
    gate.call(method === "POST" ? ping : undefined, {
      method,
      headers: { Origin, ...(method === "OPTIONS" && { "Access-Control-Request-Method": "POST" }) },
      ...(method === "OPTIONS" && { token: null }),
    })

  it("is let in when it is on the list, or when all are", async () => {
    const app = "https://app.example.org"
    expect((await from(app)).status).toBe(403)
    expect((await from(app, "OPTIONS")).status).toBe(403)
    gate.mcp({ mcp_allowed_origins: [app] })
    answer("{}", "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\n")
    const { status, headers } = await from(app)
    expect([status, headers.get("access-control-allow-origin"), headers.get("vary")]).toEqual([200, app, "Origin"])
    expect(headers.get("access-control-allow-credentials")).toBeNull()
    expect(headers.get("access-control-expose-headers")).toContain("Mcp-Session-Id")
    const preflight = await from(app, "OPTIONS")
    expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([204, app])
    for (const other of ["https://app.example.org:8443", "http://app.example.org", "https://evil.example", "null"])
      expect((await from(other)).status, other).toBe(403)
    gate.mcp({ mcp_allowed_origins: ["*"] })
    expect((await from("https://evil.example")).status).toBe(200)
    expect((await from("null")).status).toBe(403)
  })

  it("can read what it is refused with", async () => {
    gate.mcp({ mcp_allowed_origins: ["*"], mcp_policy: policy })
    const refused = await gate.call(
      { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "secret" } },
      { headers: { Origin: "https://app.example.org" } },
    )
    expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([
      403,
      "https://app.example.org",
    ])
  })

  it("does not matter where there is none: the answer still varies by it, and no foreign CORS header stays", async () => {
    answer("{}", "Access-Control-Allow-Origin: *\r\n")
    const { headers } = await gate.call(ping)
    expect([headers.get("access-control-allow-origin"), headers.get("vary")]).toEqual([null, "Origin"])
  })
})
