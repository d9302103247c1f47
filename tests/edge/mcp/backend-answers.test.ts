import { type GuardedEdge, guardedEdge } from "./guarded-edge.ts"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"

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

const ping = { jsonrpc: "2.0", id: 1, method: "ping" }
const app = "https://app.example.org"
const challenge = 'Bearer resource_metadata="https://elsewhere.example/x"'

describe("a backend that refuses by itself", () => {
  it.each([
    [401, "Unauthorized"],
    [403, "Forbidden"],
    [400, "Bad Request"],
  ])("with %i keeps status and body, and its challenge only where auth is off", async (status, phrase) => {
    gate.answers('{"no":1}', `WWW-Authenticate: ${challenge}\r\nwww-authenticate: Basic\r\n`, `${status} ${phrase}`)
    const seen = async (options = {}) => {
      const answer = await gate.call(ping, options)
      return [answer.status, answer.text, answer.headers.get("www-authenticate")]
    }
    expect(await seen()).toEqual([status, '{"no":1}', null])
    expect(await seen({ path: "/elsewhere" }), "on another path").toEqual([status, '{"no":1}', null])
    gate.auth({ auth_mode: "passthrough" })
    expect(await seen({ token: null }), "to nobody in particular").toEqual([status, '{"no":1}', null])
    gate.auth({ auth_enabled: false })
    expect(await seen()).toEqual([status, '{"no":1}', `${challenge}, Basic`])
  })

  it.each([404, 405, 500, 503])("with %i is passed on as it is", async (status) => {
    gate.answers('{"jsonrpc":"2.0","id":1,"error":{"code":-32601}}', "Allow: POST\r\nX-Own: 1\r\n", `${status} X`)
    const answer = await gate.call(ping)
    expect([answer.status, answer.json?.error?.code, answer.headers.get("x-own")]).toEqual([status, -32601, "1"])
  })

  it("with a redirect is not followed", async () => {
    gate.answers("", "Location: https://elsewhere.example/mcp\r\n", "307 Temporary Redirect")
    const answer = await gate.call(ping)
    expect([answer.status, answer.headers.get("location")]).toEqual([307, "https://elsewhere.example/mcp"])
    expect(gate.backend.requests).toHaveLength(1)
  })
})

describe("CORS", () => {
  const asked = { headers: { Origin: app } }
  const allowed = (answer: { headers: Headers }) => answer.headers.get("access-control-allow-origin")

  beforeEach(() => gate.mcp({ mcp_allowed_origins: [app] }))

  it("is on every error of the endpoint, so that a browser client can read it", async () => {
    const refusals = [
      [401, { ...asked, token: null }, ping],
      [401, { ...asked, token: "x.y.z" }, ping],
      [400, { headers: { ...asked.headers, "MCP-Protocol-Version": "1900-01-01" } }, ping],
      [400, asked, { jsonrpc: "1.0" }],
      [415, { headers: { ...asked.headers, "Content-Type": "text/plain" } }, ping],
      [413, asked, { ...ping, params: { x: "y".repeat(5 * 1024 * 1024) } }],
      [404, { headers: { ...asked.headers, "Mcp-Session-Id": "x" } }, ping],
    ] as const
    for (const [status, options, message] of refusals) {
      const answer = await gate.call(message, options)
      expect([answer.status, allowed(answer), answer.headers.get("vary")]).toEqual([status, app, "Origin"])
      expect(answer.headers.get("access-control-expose-headers")).toContain("WWW-Authenticate")
    }
    gate.backend.respond = ({ socket }) => void socket.destroy()
    const broken = await gate.call(ping, asked)
    expect([broken.status, allowed(broken)]).toEqual([502, app])
  })

  it("exposes what clients of the protocol read, and allows no credentials", async () => {
    const { headers } = await gate.call(ping, asked)
    expect(headers.get("access-control-expose-headers")?.split(", ")).toEqual([
      "WWW-Authenticate",
      "Mcp-Session-Id",
      "MCP-Protocol-Version",
      "Retry-After",
      "DPoP-Nonce",
    ])
    expect(headers.get("access-control-allow-credentials")).toBeNull()
  })

  it("elsewhere is the backend's own", async () => {
    gate.answers("{}", "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\n")
    const { headers } = await gate.call(ping, { ...asked, path: "/elsewhere" })
    expect([headers.get("access-control-allow-origin"), headers.get("access-control-allow-credentials")]).toEqual([
      "*",
      "true",
    ])
    const preflight = { method: "OPTIONS", headers: { Origin: app, "Access-Control-Request-Method": "POST" } }
    expect((await gate.call(undefined, { ...preflight, path: "/elsewhere" })).status).toBe(200)
    expect(gate.backend.requests.at(-1)!.line).toMatch(/^OPTIONS \/elsewhere /)
  })
})
