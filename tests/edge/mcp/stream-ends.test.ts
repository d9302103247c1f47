import { type GuardedEdge, guardedEdge } from "./guarded-edge.ts"
import { type RawClient, rawClient } from "../../support/raw-client.ts"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"

let gate: GuardedEdge
let open: RawClient[] = []
const host = "mcp.example.com"
const early = "2026-01-01T00:00:00.000Z"
const later = "2026-01-02T00:00:00.000Z"

beforeAll(async () => {
  gate = await guardedEdge()
})
beforeEach(() => {
  gate.backend.reset()
  gate.backend.respond = ({ socket }) =>
    void socket.write(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n",
    )
  gate.auth({})
  gate.mcp({})
})
afterEach(() => {
  for (const { socket } of open) socket.destroy()
  open = []
})
afterAll(() => gate.close())

const append = (kind: string, id: string, type: string, data: unknown, at = early) =>
  void gate.edge.projections.append(kind, id, type, data, at)

/** Somebody with a grant of their own, for a client of its own. */
function holder(name: string, provider = "local") {
  append("client", `mcp_${name}`, "ClientRegistered", {
    metadata: {
      redirect_uris: ["http://127.0.0.1/callback"],
      grant_types: ["authorization_code"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    },
    secret_hash: null,
    registration_token_hash: null,
    expires_at: "2099-01-01T00:00:00.000Z",
  })
  append(
    "grant",
    `grant-${name}`,
    "GrantIssued",
    {
      client_id: `mcp_${name}`,
      subject: `${provider}-${name}`,
      username: name,
      email: null,
      email_verified: false,
      provider,
      scope: "mcp:read",
      resources: [],
      redirect_uri: "http://127.0.0.1/callback",
    },
    later,
  )
  const client_id = `mcp_${name}`
  return { sub: `${provider}-${name}`, sid: `grant-${name}`, client_id, azp: client_id, jti: name, username: name }
}

async function stream(claims: object, headers = ""): Promise<RawClient> {
  const client = await rawClient(gate.edge.httpPort)
  open.push(client)
  const token = gate.token({ ...claims })
  client.socket.write(`GET /mcp HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n${headers}\r\n`)
  await client.until((text) => text.includes("\r\n\r\n"))
  return client
}
const ended = (client: RawClient) => client.until((text) => text.endsWith("0\r\n\r\n"))
const status = async (claims: object) =>
  (await gate.call({ jsonrpc: "2.0", id: 1, method: "ping" }, { token: gate.token({ ...claims }) })).status

describe("an open stream ends at once, and its token with it", () => {
  it("when the API token is deleted that its person signed in with", async () => {
    append("api-token", "alice", "TokenCreated", {
      name: "alice",
      hash: `sha256:${"0".repeat(64)}`,
      preview: "acm_…",
      cert_email: null,
      secret_ref: null,
      is_admin: false,
    })
    const alice = holder("alice")
    const running = await stream(alice)
    append("api-token", "alice", "TokenDeleted", { name: "alice" })
    await ended(running)
    expect(await status(alice)).toBe(401)
  })

  it("when its client is switched off, or deleted", async () => {
    for (const [type, data] of [
      ["ClientDisabled", {}],
      ["ClientDeleted", { reason: "test" }],
    ] as const) {
      const person = holder(type.toLowerCase(), "github")
      const running = await stream(person)
      append("client", person.client_id, type, data)
      await ended(running)
      expect(await status(person)).toBe(401)
    }
  })

  it("when its path is no MCP endpoint any more", async () => {
    const running = await stream(holder("erin", "github"))
    gate.mcp({ mcp_endpoint: "/elsewhere" })
    await ended(running)
    gate.mcp({})
  })

  it("when its proxy is switched off", async () => {
    const person = holder("carol", "github")
    const running = await stream(person)
    append("proxy", host, "ProxyUpdated", { enabled: false })
    await ended(running)
    expect(await status(person)).toBe(503)
    append("proxy", host, "ProxyUpdated", { enabled: true })
  })
})

describe("a stream that is taken up again", () => {
  it("goes to its backend with the place where it broke off, for its own session alone", async () => {
    gate.answers("{}", "Mcp-Session-Id: one\r\n")
    const [mine, theirs] = [holder("dora", "github"), holder("evil", "github")]
    const started = await gate.call({ jsonrpc: "2.0", id: 1, method: "initialize" }, { token: gate.token({ ...mine }) })
    const session = `Mcp-Session-Id: ${started.headers.get("mcp-session-id")!}\r\nLast-Event-ID: 41\r\n`
    gate.backend.reset()
    expect((await stream(mine, session)).received()).toMatch(/^HTTP\/1\.1 200 /)
    expect(gate.backend.requests.at(-1)!.headers).toEqual(
      expect.arrayContaining(["Last-Event-ID: 41", "Mcp-Session-Id: one"]),
    )
    gate.backend.reset()
    expect((await stream(theirs, session)).received()).toMatch(/^HTTP\/1\.1 404 /)
    expect(gate.backend.requests).toEqual([])
  })
})
