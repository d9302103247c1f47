import { type GuardedEdge, guardedEdge, modern } from "./guarded-edge.ts"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { randomBytes } from "node:crypto"
import { rawExchange, statuses } from "../../support/raw-client.ts"

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

describe("a legacy session", () => {
  const ping = { jsonrpc: "2.0", id: "p", method: "ping" }
  const start = async (token = gate.token()) => {
    gate.answers("{}", "Content-Type: application/json\r\nMcp-Session-Id: backend-1\r\n")
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

  it("is understood by another node, and after a restart", async () => {
    const masterKey = randomBytes(32).toString("base64")
    const nodes = await Promise.all([0, 1].map(() => guardedEdge({ MASTER_KEY: masterKey })))
    const [one, two] = nodes as [GuardedEdge, GuardedEdge]
    one.backend.respond = ({ socket }) =>
      void socket.write("HTTP/1.1 200 OK\r\nMcp-Session-Id: shared\r\nContent-Length: 2\r\n\r\n{}")
    const id = (await one.call({ ...ping, method: "initialize" })).headers.get("mcp-session-id")!
    await one.close()
    expect((await two.call(ping, { headers: { "Mcp-Session-Id": id } })).status).toBe(200)
    expect(two.backend.requests.at(-1)!.headers).toContain("Mcp-Session-Id: shared")
    expect((await gate.call(ping, { headers: { "Mcp-Session-Id": id } })).status).toBe(404)
    await two.close()
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
    const other = id.replace(/^./, (first) => (first === "_" ? "-" : "_"))
    for (const odd of ["backend-1", `${id}x`, other, "x"])
      expect((await gate.call(ping, { headers: { "Mcp-Session-Id": odd } })).status, odd).toBe(404)
    expect(gate.backend.requests).toEqual([])
  })

  it("the backend's own 404 for it passes", async () => {
    const id = await start()
    gate.answers('{"error":"no session"}', "", "404 Not Found")
    const { status, text } = await gate.call(ping, { headers: { "Mcp-Session-Id": id } })
    expect([status, text]).toEqual([404, '{"error":"no session"}'])
  })

  it("does not exist in the modern era, neither way", async () => {
    gate.answers("{}", "Mcp-Session-Id: backend-1\r\n")
    const got = await gate.call(...modern({ ...ping, params: {} }, { "Mcp-Session-Id": "anything" }))
    expect([got.status, got.headers.get("mcp-session-id")]).toEqual([200, null])
    expect(gate.backend.requests.at(-1)!.headers.join()).not.toMatch(/session/i)
  })

  it("takes no other header's place where it is left out", async () => {
    gate.answers("{}")
    const text = await rawExchange(
      gate.edge.httpPort,
      "GET /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Session-Id: x\r\n" +
        `Authorization: Bearer ${gate.token()}\r\nX-Auth-User-Id: somebody\r\nX-Mine: yes\r\nConnection: close\r\n\r\n`,
    )
    expect(statuses(text)).toEqual([200])
    const { headers } = gate.backend.requests.at(-1)!
    expect(headers).toContain("X-Mine: yes")
    expect(headers.join()).not.toMatch(/authorization|somebody/i)
  })
})

describe("a backend that fails", () => {
  it("is told as a JSON-RPC error with the request's id; its session is 404", async () => {
    const ping = { jsonrpc: "2.0", id: "p", method: "ping" }
    gate.answers("{}", "Mcp-Session-Id: backend-1\r\n")
    const id = (await gate.call({ ...ping, method: "initialize" })).headers.get("mcp-session-id")!
    gate.backend.respond = ({ socket }) => void socket.write("nonsense\r\n\r\n")
    const bad = await gate.call(ping)
    expect([bad.status, bad.json]).toMatchObject([
      502,
      { id: "p", error: { code: -32000, data: { code: "bad_gateway" } } },
    ])
    gate.edge.projections.append("proxy", "mcp.example.com", "ProxyUpdated", { target_url: "http://127.0.0.1:1" })
    const away = await gate.call(ping)
    expect([away.status, away.json?.error?.data?.code]).toEqual([502, "bad_gateway"])
    const lost = await gate.call(ping, { headers: { "Mcp-Session-Id": id } })
    expect([lost.status, lost.json?.id, lost.json?.error?.code]).toEqual([404, "p", -32001])
    gate.edge.projections.append("proxy", "mcp.example.com", "ProxyUpdated", {
      target_url: `http://127.0.0.1:${gate.backend.port}`,
    })
  })
})
