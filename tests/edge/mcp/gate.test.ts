import { type Recorder, ok, recorder } from "../../support/recorder.ts"
import { type TestEdge, testEdge } from "../../support/edge.ts"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { rawClient, rawExchange, statuses } from "../../support/raw-client.ts"
import { defaultMcp } from "../../support/access-tokens.ts"

let edge: TestEdge
let backend: Recorder

beforeAll(async () => {
  backend = await recorder()
  edge = await testEdge({ EDGE_BODY_MIN_RATE: "50" })
  edge.proxy("mcp.test", backend.port)
  edge.projections.append("proxy", "mcp.test", "ProxyMcpSet", { ...defaultMcp, mcp_max_body: 4096 })
  edge.proxy("plain.test", backend.port)
})
beforeEach(() => backend.reset())
afterAll(async () => {
  await edge.close(0)
  await backend.close()
})

const json = "Content-Type: application/json\r\n"
const ping = '{"jsonrpc":"2.0","id":"a","method":"ping"}'
const post = (body: string, headers = json, { path = "/mcp", host = "mcp.test" } = {}) =>
  `POST ${path} HTTP/1.1\r\nHost: ${host}\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${Buffer.from(body).toString("latin1")}`

/** Sends one request; status, JSON body if there is one. */
async function ask(bytes: string): Promise<[number, Record<string, unknown> | undefined]> {
  const text = await rawExchange(
    edge.httpPort,
    `${bytes}GET / HTTP/1.1\r\nHost: nowhere.test\r\nConnection: close\r\n\r\n`,
  )
  const body = /\r\n\r\n(\{.*?\})(?:HTTP|$)/s.exec(text)?.[1]
  return [statuses(text)[0]!, body === undefined ? undefined : (JSON.parse(body) as Record<string, unknown>)]
}

describe("a message for an MCP endpoint", () => {
  it("goes on byte by byte, with its length, in whatever pieces it came", async () => {
    const body =
      '{ "jsonrpc":"2.0",\n"id":1e2, "method":"tools/call","params":{"name":"\\u00e4","arguments":{"ä":"\\ud83d\\ude00"}} }\n'
    expect((await ask(post(body)))[0]).toBe(200)
    const client = await rawClient(edge.httpPort)
    client.socket.write(`POST /mcp HTTP/1.1\r\nHost: mcp.test\r\n${json}Transfer-Encoding: chunked\r\n\r\n`)
    const bytes = Buffer.from(body)
    for (const piece of [bytes.subarray(0, 1), bytes.subarray(1, 70), bytes.subarray(70)]) {
      client.socket.write(`${piece.length.toString(16)}\r\n`)
      client.socket.write(piece)
      client.socket.write("\r\n")
      await new Promise((resolve) => setImmediate(resolve))
    }
    client.socket.write("0\r\n\r\n")
    await client.until((text) => text.endsWith("ok"))
    client.socket.destroy()
    expect(backend.requests).toHaveLength(2)
    for (const { body: got, headers } of backend.requests) {
      expect(Buffer.from(got, "latin1").toString()).toBe(body)
      expect(headers).toContain(`Content-Length: ${bytes.length}`)
      expect(headers.join()).not.toContain("Transfer-Encoding")
    }
  })

  it("keeps its own headers though others come in between", async () => {
    const slow = await rawClient(edge.httpPort)
    slow.socket.write(
      `POST /mcp HTTP/1.1\r\nHost: mcp.test\r\nX-Real-IP: 1.2.3.4\r\nX-Mine: yes\r\n${json}Content-Length: ${ping.length}\r\n\r\n`,
    )
    expect((await ask(`GET / HTTP/1.1\r\nHost: plain.test\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n`))[0]).toBe(200)
    backend.reset()
    slow.socket.write(ping)
    await slow.until((text) => text.endsWith("ok"))
    slow.socket.destroy()
    expect(backend.requests[0]!.headers).toContain("X-Mine: yes")
    expect(backend.requests[0]!.headers.join()).not.toContain("Real-IP")
  })

  it("is asked for when the client waits, and not when it would be too long", async () => {
    const head = (length: number) =>
      `POST /mcp HTTP/1.1\r\nHost: mcp.test\r\n${json}Expect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`
    const client = await rawClient(edge.httpPort)
    client.socket.write(head(ping.length))
    await client.until((text) => text.includes("100 Continue"))
    client.socket.write(ping)
    await client.until((text) => text.endsWith("ok"))
    client.socket.destroy()
    const text = await rawExchange(edge.httpPort, head(5000))
    expect(statuses(text)).toEqual([413])
    expect(text).toContain('"code":"payload_too_large"')
  })

  it("is refused with the id that it carries", async () => {
    expect(await ask(post(ping, `${json}Mcp-Method: tools/list\r\n`))).toEqual([
      400,
      {
        jsonrpc: "2.0",
        id: "a",
        error: { code: -32020, message: "Header mismatch: Mcp-Method is not the body's method" },
      },
    ])
    const [status, body] = await ask(post(ping, `${json}MCP-Protocol-Version: 1900-01-01\r\n`))
    expect([status, body]).toMatchObject([400, { id: "a", error: { code: -32022, data: { requested: "1900-01-01" } } }])
    expect(await ask(post(ping, `${json}Mcp-Method: ping\r\nMCP-METHOD: ping\r\n`))).toMatchObject([
      400,
      { id: "a", error: { code: -32020 } },
    ])
    expect(backend.requests).toEqual([])
    await expect
      .poll(() => edge.records.map(({ reason }) => reason))
      .toEqual(expect.arrayContaining(["mcp_header_mismatch", "mcp_unsupported_version"]))
  })

  it("is refused when it is no plain JSON", async () => {
    const refused = async (bytes: string) => {
      const [status, body] = await ask(bytes)
      return [status, (body?.["error"] as { code: number } | undefined)?.code]
    }
    expect(await refused(post("{"))).toEqual([400, -32700])
    expect(await refused(post(""))).toEqual([400, -32700])
    expect(await refused(post(`[${ping}]`, `${json}MCP-Protocol-Version: 2025-11-25\r\n`))).toEqual([400, -32600])
    for (const type of [
      "",
      "Content-Type: text/plain\r\n",
      "Content-Type: application/json; charset=latin1\r\n",
      "Content-Type: application/json-rpc\r\n",
    ])
      expect(await refused(post(ping, type))).toEqual([415, -32000])
    for (const coding of ["gzip", "identity, gzip", ""])
      expect(await refused(post(ping, `${json}Content-Encoding: ${coding}\r\n`)), coding).toEqual([415, -32000])
    expect(await refused(post(JSON.stringify({ a: "x".repeat(5000) })))).toEqual([413, -32000])
    expect(backend.requests).toEqual([])
    for (const type of ["application/json", "Application/JSON;charset=UTF-8", 'application/json ; charset="utf-8"'])
      expect((await ask(post(ping, `Content-Type: ${type}\r\n`)))[0]).toBe(200)
  })

  it("that grows too long on its way ends its connection, and what was sent behind it is not looked at", async () => {
    const chunk = `1000\r\n${"x".repeat(4096)}\r\n`
    const text = await rawExchange(
      edge.httpPort,
      `POST /mcp HTTP/1.1\r\nHost: mcp.test\r\n${json}Transfer-Encoding: chunked\r\n\r\n${chunk}${chunk}0\r\n\r\nGET / HTTP/1.1\r\nHost: plain.test\r\n\r\n`,
    )
    expect(statuses(text)).toEqual([413])
    const refused = await rawExchange(edge.httpPort, `${post("{")}GET / HTTP/1.1\r\nHost: plain.test\r\n\r\n`)
    expect(statuses(refused)).toEqual([400])
    expect(backend.requests).toEqual([])
  })

  it("that is given up leaves nothing behind, and one that breaks off is answered", async () => {
    const head = `POST /mcp HTTP/1.1\r\nHost: mcp.test\r\n${json}`
    const client = await rawClient(edge.httpPort)
    client.socket.write(`${head}Content-Length: 100\r\n\r\n{"jso`)
    await new Promise((resolve) => setTimeout(resolve, 50))
    client.socket.destroy()
    const gone = () => edge.records.some(({ reason, path }) => path === "/mcp" && reason === "bad_request")
    await expect.poll(gone).toBe(true)
    const broken = await rawExchange(edge.httpPort, `${head}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nzz\r\n`)
    expect(statuses(broken)).toEqual([400])
    expect(backend.connections).toBe(0)
  })
})

describe("what else is there", () => {
  it("any spelling of the endpoint that a backend may take for it is judged too", async () => {
    for (const path of ["/MCP", "/mcp/", "/mcp;a=b", "/%6dcp", "/mcp;x/", "//mcp"])
      expect((await ask(post("{", json, { path })))[0], path).toBe(400)
    expect(backend.requests).toEqual([])
  })

  it("other paths, other hosts and other methods are streamed as ever", async () => {
    for (const request of [
      post("{", json, { path: "/other" }),
      post("{", "", { host: "plain.test" }),
      "GET /mcp HTTP/1.1\r\nHost: mcp.test\r\nMCP-Protocol-Version: 2025-11-25\r\n\r\n",
      "DELETE /mcp HTTP/1.1\r\nHost: mcp.test\r\nContent-Length: 0\r\n\r\n",
    ])
      expect((await ask(request))[0]).toBe(200)
  })

  it("a message under another method never reaches the backend", async () => {
    const chunked = `${ping.length.toString(16)}\r\n${ping}\r\n0\r\n\r\n`
    for (const method of ["GET", "DELETE", "PUT", "PATCH"]) {
      expect((await ask(post(ping).replace("POST", method)))[0]).toBe(400)
      const head = `${method} /mcp HTTP/1.1\r\nHost: mcp.test\r\n${json}Transfer-Encoding: chunked\r\n\r\n`
      expect((await ask(head + chunked))[0]).toBe(400)
    }
    expect(await ask("GET /mcp HTTP/1.1\r\nHost: mcp.test\r\nMCP-Protocol-Version: 1\r\n\r\n")).toMatchObject([
      400,
      { error: { code: -32022 } },
    ])
    expect(
      await ask("GET /mcp HTTP/1.1\r\nHost: mcp.test\r\nMcp-Session-Id: 1\r\nMcp-Session-Id: 2\r\n\r\n"),
    ).toMatchObject([400, { error: { code: -32020 } }])
    expect(backend.requests).toEqual([])
  })

  it("a message for a host that is switched off while it comes never reaches the backend", async () => {
    const slow = await rawClient(edge.httpPort)
    slow.socket.write(post(ping).slice(0, -5))
    expect((await ask(`GET / HTTP/1.1\r\nHost: plain.test\r\n\r\n`))[0]).toBe(200)
    backend.reset()
    edge.projections.append("proxy", "mcp.test", "ProxyUpdated", { enabled: false })
    slow.socket.write(ping.slice(-5))
    expect(statuses(await slow.until((text) => text.includes("no_longer") || text.includes("\r\n\r\n{")))).toEqual([
      403,
    ])
    slow.socket.destroy()
    edge.projections.append("proxy", "mcp.test", "ProxyUpdated", { enabled: true })
    expect(backend.requests).toEqual([])
  })

  it("a repeated MCP header elsewhere is malformed as ever", async () => {
    const text = await rawExchange(
      edge.httpPort,
      "GET / HTTP/1.1\r\nHost: plain.test\r\nMcp-Name: 1\r\nmcp-name: 1\r\n\r\n",
    )
    expect(statuses(text)).toEqual([400])
    expect(text).toContain("application/problem+json")
  })

  it("answers of a backend that refuses by itself pass unchanged", async () => {
    const body = '{"jsonrpc":"2.0","id":"a","error":{"code":-32601,"message":"no"}}'
    backend.respond = ({ socket }) =>
      void socket.write(`HTTP/1.1 404 Not Found\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    const [status, got] = await ask(post(ping))
    expect([status, JSON.stringify(got)]).toEqual([404, body])
    expect(ok).toContain("200")
  })
})
