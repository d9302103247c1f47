import { type GuardedEdge, guardedEdge } from "./guarded-edge.ts"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { rawClient, rawExchange, statuses } from "../../support/raw-client.ts"

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

const call = { jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "delete_all" } }
const evil = { Origin: "https://evil.example" }
const odd = { "MCP-Protocol-Version": "1900-01-01" }

describe("what is wrong with a request to an MCP endpoint is told in one order", () => {
  it("host, Origin, token, person, revision, tool, backend", async () => {
    const policy = { default: "deny", rules: [] }
    gate.auth({ auth_required_users: ["somebody"] })
    gate.mcp({ mcp_policy: policy })
    const steps: [unknown, unknown][] = []
    const ask = async (token: string | null, headers: Record<string, string>) => {
      const { status, json } = await gate.call(call, { token, headers })
      steps.push([status, json?.error?.data?.code ?? json?.error?.code])
    }
    const unknown = await rawExchange(
      gate.edge.httpPort,
      "GET /mcp HTTP/1.1\r\nHost: nowhere.test\r\nConnection: close\r\n\r\n",
    )
    steps.push([statuses(unknown)[0], "not_found"])
    await ask(null, { ...evil, ...odd })
    await ask(null, odd)
    await ask("x.y.z", odd)
    await ask(gate.token(), odd)
    gate.auth({})
    await ask(gate.token(), odd)
    await ask(gate.token(), {})
    gate.mcp({})
    gate.backend.respond = ({ socket }) => void socket.destroy()
    await ask(gate.token(), {})
    expect(steps).toEqual([
      [404, "not_found"],
      [403, "origin_not_allowed"],
      [401, "unauthenticated"],
      [401, "invalid_token"],
      [403, "forbidden"],
      [400, -32022],
      [403, "forbidden"],
      [502, "bad_gateway"],
    ])
  })

  it("a preflight is answered before any of it but the host and the Origin", async () => {
    gate.auth({ auth_required_users: [] })
    gate.mcp({ mcp_policy: { default: "deny", rules: [] } })
    const headers = { Origin: "https://mcp.example.com", "Access-Control-Request-Method": "POST", ...odd }
    expect((await gate.call(undefined, { method: "OPTIONS", token: null, headers })).status).toBe(204)
    const foreign = { ...headers, ...evil }
    expect((await gate.call(undefined, { method: "OPTIONS", token: null, headers: foreign })).status).toBe(403)
    expect(gate.backend.requests).toEqual([])
  })

  it("a token is needed for every request, whatever session or state comes along", async () => {
    gate.answers("{}", "Mcp-Session-Id: one\r\n")
    const started = await gate.call({ ...call, method: "initialize" })
    gate.backend.reset()
    const headers = { "Mcp-Session-Id": started.headers.get("mcp-session-id")!, Cookie: "__Host-gh_access=x" }
    for (const method of ["POST", "GET", "DELETE", "PUT", "HEAD"]) {
      const message = method === "POST" ? { ...call, params: { ...call.params, requestState: "handle" } } : undefined
      expect((await gate.call(message, { method, token: null, headers })).status, method).toBe(401)
    }
    expect(gate.backend.requests).toEqual([])
  })
})

describe("a message whose body is still on its way", () => {
  const body = JSON.stringify(call)
  const start = async () => {
    const client = await rawClient(gate.edge.httpPort)
    client.socket.write(
      `POST /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nAuthorization: Bearer ${gate.token()}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n`,
    )
    // The edge asks for the body once it has judged the head.
    await client.until((text) => text.includes("100 Continue"))
    client.socket.write(body.slice(0, 10))
    return client
  }
  const finish = async (client: Awaited<ReturnType<typeof start>>) => {
    client.socket.write(body.slice(10))
    return statuses(await client.closed()).slice(1)
  }

  it("is judged by what holds when it is complete", async () => {
    expect(await finish(await start())).toEqual([200])
    for (const change of [
      () => gate.auth({ auth_required_users: ["somebody"] }),
      () => gate.mcp({ mcp_policy: { default: "deny", rules: [] } }),
      () => void gate.edge.projections.append("proxy", "mcp.example.com", "ProxyUpdated", { enabled: false }),
    ]) {
      gate.backend.reset()
      const client = await start()
      change()
      expect(await finish(client)).toEqual([403])
      expect(gate.backend.requests).toEqual([])
      gate.edge.projections.append("proxy", "mcp.example.com", "ProxyUpdated", { enabled: true })
      gate.auth({})
      gate.mcp({})
    }
  })
})
