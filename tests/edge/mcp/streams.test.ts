import { type GuardedEdge, guardedEdge } from "./guarded-edge.ts"
import { type RawClient, rawClient } from "../../support/raw-client.ts"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { goodClaims, instant } from "../../support/access-tokens.ts"
import { isBetweenEvents, noteTail } from "../../../src/edge/mcp/keep-alive.ts"

let gate: GuardedEdge
let open: RawClient[] = []

beforeAll(async () => {
  gate = await guardedEdge({ EDGE_STREAM_KEEPALIVE: "1" })
})
beforeEach(() => {
  gate.backend.reset()
  gate.backend.respond = ({ socket }) =>
    void socket.write(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n",
    )
  gate.clock.seconds = instant
  gate.auth({})
  gate.mcp({})
})
afterEach(() => {
  for (const { socket } of open) socket.destroy()
  open = []
})
afterAll(() => gate.close())

const call = (name: string) => ({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name } })
const listen = (uri: string) => ({
  jsonrpc: "2.0",
  id: 1,
  method: "subscriptions/listen",
  params: { notifications: { resourceSubscriptions: [uri] } },
})

/** An open stream of which the first event has come: of a GET, or the answer to a message. */
async function stream(message?: object, claims: object = {}): Promise<RawClient> {
  const client = await rawClient(gate.edge.httpPort)
  open.push(client)
  const token = `Host: mcp.example.com\r\nAuthorization: Bearer ${gate.token({ ...claims })}\r\n`
  const body = JSON.stringify(message)
  client.socket.write(
    message === undefined
      ? `GET /mcp HTTP/1.1\r\n${token}\r\n`
      : `POST /mcp HTTP/1.1\r\n${token}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
  await client.until((text) => text.includes("data: 1"))
  return client
}
const ended = (client: RawClient) => client.until((text) => text.endsWith("0\r\n\r\n"))
const runs = async (client: RawClient) => {
  await new Promise((resolve) => setTimeout(resolve, 600))
  expect(client.received()).not.toMatch(/0\r\n\r\n$/)
}
const policy = (...rules: object[]) => ({ mcp_policy: { default: "allow", rules } })

// Without a change they are looked at every half minute.
describe("an open stream ends by the change itself", () => {
  it("when its grant is revoked", async () => {
    gate.edge.projections.append("grant", "grant-0003", "GrantIssued", {
      client_id: "mcp_client1",
      subject: "github-583231",
      username: "Octocat",
      email: null,
      email_verified: false,
      provider: "github",
      scope: "mcp:read",
      resources: [],
      redirect_uri: "http://127.0.0.1/callback",
    })
    const [gone, stays] = await Promise.all([stream(undefined, { sid: "grant-0003", jti: "j3" }), stream()])
    gate.edge.projections.append("grant", "grant-0003", "GrantRevoked", { reason: "user" })
    await ended(gone)
    await runs(stays)
  })

  it("when the people rule or the scopes of what it does are tightened", async () => {
    const [reader, caller, listener, other] = await Promise.all([
      stream(),
      stream(call("x")),
      stream(listen("file:///secret/a")),
      stream(call("y")),
    ])
    gate.mcp(
      policy(
        { kind: "tool", match: ["x"], action: "allow", scopes: ["mcp:write"], users: ["somebody"] },
        { kind: "resource", match: ["file:///secret/*"], action: "deny" },
      ),
    )
    // What a GET replays may now hold what is hidden, and this one began without a filter.
    await Promise.all([reader, caller, listener].map(ended))
    await runs(other)
    gate.auth({ auth_required_users: ["somebody"] })
    await ended(other)
  })

  it("when MCP is switched off or moves elsewhere", async () => {
    const first = await stream()
    gate.mcp({ mcp_endpoint: "/other" })
    await ended(first)
    gate.mcp({})
    const second = await stream()
    gate.mcp(null)
    await ended(second)
  })
})

describe("a token that expires during a stream", () => {
  it("lets it run on, unless the proxy says otherwise", async () => {
    const keeps = await stream()
    gate.clock.seconds = goodClaims.exp + 1
    await runs(keeps)
    gate.mcp({ mcp_stream_expiry: "close" })
    await ended(keeps)
    await expect.poll(() => gate.edge.records.map(({ reason }) => reason)).toContain("token_expired")
  })
})

describe("a quiet stream", () => {
  it("gets comments between events and never inside of one", async () => {
    const [between, inside] = await Promise.all([stream(), stream()])
    const [, second] = [...gate.backend.sockets]
    second!.write("6\r\ndata: \r\n")
    await Promise.race([
      between.until((text) => text.includes("3\r\n:\n\n\r\n")),
      inside.until((text) => text.includes("3\r\n:\n\n\r\n")),
    ])
    const texts = [between.received(), inside.received()]
    expect(texts.filter((text) => text.endsWith("3\r\n:\n\n\r\n"))).toHaveLength(1)
    expect(texts.filter((text) => text.endsWith("data: \r\n"))).toHaveLength(1)
    expect(texts.join()).toContain("X-Accel-Buffering: no")
    second!.write("3\r\n2\n\n\r\n")
    await Promise.all([between, inside].map((client) => client.until((text) => text.includes(":\n\n"))))
    expect([between, inside].some((client) => client.received().includes("data: \r\n3\r\n2\n\n\r\n3\r\n:\n\n"))).toBe(
      true,
    )
  })

  it("knows where events end, wherever it is cut", () => {
    const at = (...pieces: string[]) => {
      const tail = { text: "", commentedAt: 0 }
      for (const piece of pieces) noteTail(tail, Buffer.from(`x${piece}x`), 1, piece.length + 1)
      return isBetweenEvents(tail)
    }
    for (const pieces of [
      [],
      ["data: 1\n\n"],
      ["data: 1\n", "\n"],
      ["a\r\n\r\n"],
      ["a\r\n\r", "\n"],
      ["a\r\r"],
      ["a", "\r", "\n", "\r", "\n"],
      [""],
    ])
      expect(at(...pieces), JSON.stringify(pieces)).toBe(true)
    for (const pieces of [["data: 1"], ["data: 1\n"], ["a\r\n"], ["a\r", "\n"], ["a\n\nb"], ["a\n\n", "b\n"], ["a\r"]])
      expect(at(...pieces), JSON.stringify(pieces)).toBe(false)
  })

  it("of a length that is known, or coded, or elsewhere, gets none", async () => {
    const quiet = async (head: string, path = "/mcp") => {
      gate.backend.respond = ({ socket }) => void socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n`)
      const client = await rawClient(gate.edge.httpPort)
      open.push(client)
      client.socket.write(
        `GET ${path} HTTP/1.1\r\nHost: mcp.example.com\r\nAuthorization: Bearer ${gate.token()}\r\n\r\n`,
      )
      await client.until((text) => text.includes("200 OK"))
      return client
    }
    const events = "Content-Type: text/event-stream\r\n"
    const clients = [
      await quiet(`${events}Content-Length: 100\r\n`),
      await quiet(`${events}Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n`),
      await quiet(`${events}Transfer-Encoding: chunked\r\n`, "/other"),
      await quiet("Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n"),
    ]
    await new Promise((resolve) => setTimeout(resolve, 1600))
    for (const client of clients) expect(client.received()).not.toContain(":\n\n")
  })
})
