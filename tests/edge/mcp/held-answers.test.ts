import { type GuardedEdge, guardedEdge } from "./guarded-edge.ts"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { Socket } from "node:net"
import { rawClient } from "../../support/raw-client.ts"
import { until } from "../../support/until.ts"

let gate: GuardedEdge

const limit = 2 ** 20
const policy = { default: "allow", rules: [{ kind: "tool", match: ["secret"], action: "deny" }] }
beforeAll(async () => {
  gate = await guardedEdge({ EDGE_MAX_HELD_BYTES: String(limit) })
})
beforeEach(() => {
  gate.backend.reset()
  gate.mcp({ mcp_policy: policy })
})
afterAll(() => gate.close())

const list = (id: number) => ({ jsonrpc: "2.0", id, method: "tools/list", params: {} })
/** A list of tools of so many bytes. */
const tools = (bytes: number) => {
  const text = JSON.stringify({ jsonrpc: "2.0", id: 1, result: { tools: [{ name: "open" }], x: "" } })
  return text.replace('"x":""', `"x":"${"x".repeat(bytes - text.length)}"`)
}
const overloaded = (id: number) => ({ jsonrpc: "2.0", id, error: { code: -32000, data: { code: "overloaded" } } })

describe("answers that wait to be judged", () => {
  it("share one room: what does not fit is refused, and fits when the others have gone", async () => {
    const bytes = Math.floor(limit * 0.4)
    const waiting: Socket[] = []
    const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${bytes}\r\n\r\n`
    gate.backend.respond = ({ socket, body }) => {
      const patient = body.includes('"id":7')
      if (patient) waiting.push(socket)
      socket.write(head + (patient ? tools(bytes).slice(0, -1) : tools(bytes)))
    }
    const first = [gate.call(list(7)), gate.call(list(7))]
    // Theirs is the room: what comes at the same time could take it.
    await until(() => waiting.length === 2)
    await expect.poll(async () => (await gate.call(list(2))).status).toBe(503)
    const refused = await Promise.all([gate.call(list(3)), gate.call(list(4))])
    expect(refused.map(({ status, json }) => [status, json])).toMatchObject([
      [503, overloaded(3)],
      [503, overloaded(4)],
    ])
    for (const socket of waiting) socket.write("}")
    for (const { status, text } of await Promise.all(first)) expect([status, text.length]).toEqual([200, bytes])
    await expect.poll(async () => (await gate.call(list(5))).status).toBe(200)
    await expect.poll(() => gate.edge.records.map(({ reason }) => reason)).toContain("mcp_answers_overloaded")
  })

  it("leave their room when their client leaves or their backend breaks off", async () => {
    const bytes = Math.floor(limit * 0.6)
    const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${bytes}\r\n\r\n`
    const waiting: Socket[] = []
    gate.backend.respond = ({ socket, body }) => {
      const patient = body.includes('"id":7')
      if (patient) waiting.push(socket)
      socket.write(head + (patient ? tools(bytes).slice(0, -1) : tools(bytes)))
    }
    const status = async () => (await gate.call(list(2))).status
    const client = await rawClient(gate.edge.httpPort)
    const message = JSON.stringify(list(7))
    client.socket.write(
      `POST /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nAuthorization: Bearer ${gate.token()}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${message.length}\r\n\r\n${message}`,
    )
    await until(() => waiting.length === 1)
    await expect.poll(status).toBe(503)
    client.socket.destroy()
    await expect.poll(status).toBe(200)
    const broken = gate.call(list(7))
    await until(() => waiting.length === 2)
    await expect.poll(status).toBe(503)
    waiting.at(-1)!.destroy()
    expect((await broken).status).toBe(502)
    await expect.poll(status).toBe(200)
  })

  it("count by what they take: single bytes in chunks of their own are more than their length", async () => {
    gate.backend.respond = ({ socket }) =>
      void socket.write(
        `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${"1\r\n \r\n".repeat(10_000)}`,
      )
    const { status, json } = await gate.call(list(1))
    expect([status, json]).toMatchObject([503, overloaded(1)])
  })

  it("are not counted where nothing has to be judged", async () => {
    gate.mcp({})
    const body = tools(3 * limit)
    gate.answers(body)
    const { status, text } = await gate.call(list(1))
    expect([status, text === body]).toEqual([200, true])
  })

  it("that are larger than any may be are refused as what the backend did", async () => {
    await gate.close()
    gate = await guardedEdge()
    gate.mcp({ mcp_policy: policy })
    gate.answers(tools(16 * 2 ** 20 + 1))
    const { status, json } = await gate.call(list(1))
    expect([status, json]).toMatchObject([502, { id: 1, error: { data: { code: "bad_gateway" } } }])
    await gate.close()
    gate = await guardedEdge({ EDGE_MAX_HELD_BYTES: String(limit) })
  })
})

describe("an event that does not fit", () => {
  const event = `data: ${tools(100)}\n\n`
  const stream = `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n${event}`

  it("becomes an error behind the events that went out, where there is a message to answer", async () => {
    gate.backend.respond = ({ socket }) => void socket.write(`${stream}data: ${"x".repeat(limit)}`)
    const { status, text } = await gate.call(list(9))
    expect(status).toBe(200)
    const [, data] = text.split("\n\n")
    expect(text.startsWith("data: ")).toBe(true)
    expect(JSON.parse(data!.slice("data: ".length))).toMatchObject(overloaded(9))
    await expect.poll(() => gate.edge.records.at(-1)?.reason).toBe("mcp_answers_overloaded")
  })

  it("cuts a stream that answers no message", async () => {
    gate.backend.respond = ({ socket }) => void socket.write(`${stream}data: ${"x".repeat(limit)}`)
    const client = await rawClient(gate.edge.httpPort)
    client.socket.write(`GET /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nAuthorization: Bearer ${gate.token()}\r\n\r\n`)
    const text = await client.closed()
    expect(text).toContain('"open"')
    expect(text.endsWith("0\r\n\r\n")).toBe(false)
  })

  it("is counted one after the other: a long stream of small ones goes through", async () => {
    const many = `data: ${tools(10_000)}\n\n`.repeat(300)
    gate.backend.respond = ({ socket }) => void socket.end(stream + many)
    const { text } = await gate.call(list(1))
    expect(text.match(/"open"/g)).toHaveLength(301)
  })
})
