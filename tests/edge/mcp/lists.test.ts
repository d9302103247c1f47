import { type GuardedEdge, guardedEdge, modern } from "./guarded-edge.ts"
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

const list = { jsonrpc: "2.0", id: 1, method: "tools/list", params: {} }
const policy = { default: "allow", rules: [{ kind: "tool", match: ["secret"], action: "deny" }] }
const tools = (...names: string[]) =>
  JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    result: { tools: names.map((name) => ({ name })), cacheScope: "public", nextCursor: "c" },
  })

describe("a list", () => {
  it("goes through untouched when nothing of it can be hidden", async () => {
    const body = ` ${tools("secret")}`
    gate.answers(body, "Content-Type: application/json\r\nETag: x\r\n")
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
      gate.answers(body, head)
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
    gate.answers("x", "Content-Type: application/json\r\nContent-Encoding: br\r\n")
    expect((await gate.call(list, { headers: { "Accept-Encoding": "br" } })).status).toBe(502)
    expect(gate.backend.requests.at(-1)!.headers.join().toLowerCase()).not.toContain("accept-encoding")
    gate.answers('{"result":{"tools":[')
    const unreadable = await gate.call(list)
    expect([unreadable.status, unreadable.json]).toMatchObject([
      502,
      { id: 1, error: { data: { code: "bad_gateway" } } },
    ])
    await expect.poll(() => gate.edge.records.at(-1)?.reason).toBe("mcp_answer_unreadable")
  })

  it("of others is never asked about: calls, errors and other paths pass byte by byte", async () => {
    gate.mcp({ mcp_policy: policy })
    const body = tools("secret")
    gate.answers(body)
    const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "open" } }
    expect((await gate.call(call)).text).toBe(body)
    gate.answers(body, "", "404 Not Found")
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
