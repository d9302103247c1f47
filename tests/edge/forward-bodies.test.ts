import { describe, expect, it } from "vitest"
import { rawClient, statuses } from "../support/raw-client.ts"
import { testEdge } from "../support/edge.ts"
import { until } from "../support/until.ts"
import { forwardEdge, upstream, edge, get, last, ask } from "./forward-edge.ts"

forwardEdge()

describe("bodies", () => {
  it("a body with a length goes up as it is", async () => {
    await ask(`POST /up HTTP/1.1\r\nHost: a.test\r\n${last}Content-Length: 300\r\n\r\n${"\x00\xff\r\n".repeat(75)}`)
    expect(upstream.requests[0]?.body).toBe("\x00\xff\r\n".repeat(75))
    expect(upstream.requests[0]?.headers).toContain("Content-Length: 300")
  })

  it("a body that comes in pieces goes up in pieces, before it is complete", async () => {
    const client = await rawClient(edge.httpPort)
    client.socket.write("POST /up HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    await until(() => upstream.raw.join("").includes("3\r\nabc\r\n"))
    client.socket.write("2\r\nde\r\n0\r\n\r\n")
    await client.until((text) => text.includes("ok"))
    expect(upstream.requests[0]?.body).toBe("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    client.socket.destroy()
  })

  it("a response of a known length, in chunks, and until the close all arrive byte for byte", async () => {
    const content = "\x00\x01\xfe\xff\r\n".repeat(20_000)
    const framed = [
      `HTTP/1.1 200 OK\r\nContent-Length: ${content.length}\r\n\r\n${content}`,
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${content.length.toString(16)}\r\n${content}\r\n0\r\nX-T: y\r\n\r\n`,
      `HTTP/1.1 200 OK\r\n\r\n${content}`,
    ]
    for (const [i, bytes] of framed.entries()) {
      upstream.respond = ({ socket }) => {
        socket.write(bytes, "latin1")
        if (i === 2) socket.end()
      }
      const text = await ask(get("/", last).replace("HTTP/1.1", "HTTP/1.0"))
      expect(text.slice(text.indexOf("\r\n\r\n") + 4) === content).toBe(true)
    }
  })

  it("HEAD, 204 and 304 have no body, and the connection lives on", async () => {
    upstream.respond = ({ socket, line }) => {
      const status = line.includes("/204") ? "204 No Content" : line.includes("/304") ? "304 Not Modified" : "200 OK"
      socket.write(`HTTP/1.1 ${status}\r\nContent-Length: 5\r\nETag: "x"\r\n\r\n`)
    }
    const text = await ask(get("/204") + get("/304") + get("/", last).replace("GET", "HEAD"))
    expect(statuses(text)).toEqual([204, 304, 200])
    expect(text.match(/ETag: "x"/g)).toHaveLength(3)
    await ask(get("/204", last))
    expect(upstream.connections).toBeLessThanOrEqual(3)
  })

  it("repeated response headers, 4xx bodies and WWW-Authenticate pass untouched", async () => {
    upstream.respond = ({ socket }) =>
      socket.write(
        'HTTP/1.1 401 Nope\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nWWW-Authenticate: Bearer realm="x"\r\nMcp-Session-Id: s\r\nContent-Length: 3\r\n\r\nno!',
      )
    const text = await ask(get("/", last))
    expect(text).toMatch(/^HTTP\/1\.1 401 /)
    expect(text).toContain(
      'Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nWWW-Authenticate: Bearer realm="x"\r\nMcp-Session-Id: s\r\n',
    )
    expect(text).toMatch(/\r\n\r\nno!$/)
  })

  it("redirects of the backend are passed, never followed", async () => {
    upstream.respond = ({ socket }) =>
      socket.write("HTTP/1.1 302 Found\r\nLocation: http://b.test/\r\nContent-Length: 0\r\n\r\n")
    expect(await ask(get("/", last))).toContain("Location: http://b.test/")
    expect(upstream.requests).toHaveLength(1)
  })

  it("back-pressure holds the backend while the client does not read", async () => {
    let sent = 0
    upstream.respond = ({ socket }) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
      const piece = Buffer.alloc(65_536)
      const more = () => {
        while (sent < 100_000_000 && !socket.destroyed) {
          const size = Math.min(piece.length, 100_000_000 - sent)
          sent += size
          if (!socket.write(piece.subarray(0, size))) return void socket.once("drain", more)
        }
      }
      more()
    }
    const client = await rawClient(edge.httpPort)
    client.socket.pause()
    client.socket.write(get())
    await until(() => sent > 1_000_000)
    let before = -1
    await until(() => {
      const still = before === sent
      before = sent
      return still
    })
    expect(sent).toBeLessThan(30_000_000)
    client.socket.resume()
    await until(() => client.socket.bytesRead > 100_000_000, 15_000)
    client.socket.destroy()
  })

  it("back-pressure holds the client while the backend does not read", async () => {
    upstream.onConnection = (socket) => socket.pause()
    const big = await testEdge()
    big.proxy("a.test", upstream.port)
    const client = await rawClient(big.httpPort)
    client.socket.write("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000000\r\n\r\n")
    let flowing = true
    for (let i = 0; i < 1500 && flowing; i += 1) flowing = client.socket.write(Buffer.alloc(65_536))
    await until(() => client.socket.writableLength > 0)
    expect(client.socket.writableLength).toBeGreaterThan(0)
    client.socket.destroy()
    await big.close(0)
  })
})

describe("limits of a body", () => {
  it("a declared length above the limit is 413 and reaches nobody", async () => {
    expect(statuses(await ask("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100001\r\n\r\nabc"))).toEqual([413])
    expect(upstream.raw.join("")).toBe("")
  })

  it("a chunked body is counted: 413, reading stops, and the backend never gets a complete request", async () => {
    const client = await rawClient(edge.httpPort)
    client.socket.write("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n")
    const piece = `4000\r\n${"a".repeat(0x4000)}\r\n`
    for (let i = 0; i < 10; i += 1) client.socket.write(piece)
    expect(statuses(await client.closed())).toEqual([413])
    await until(() => upstream.sockets.size === 0)
    expect(upstream.requests).toEqual([])
  })
})

describe("Expect: 100-continue", () => {
  const head = "POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nConnection: close\r\n"

  it("is answered once the request is accepted, and not passed on", async () => {
    const client = await rawClient(edge.httpPort)
    client.socket.write(`${head}Content-Length: 3\r\n\r\n`)
    await client.until((text) => text.includes("100 Continue"))
    client.socket.write("abc")
    expect(statuses(await client.closed())).toEqual([100, 200])
    expect(upstream.requests[0]?.body).toBe("abc")
    expect(upstream.requests[0]?.headers.join()).not.toMatch(/expect/i)
  })

  it("a refused request gets its refusal instead", async () => {
    expect(statuses(await ask(`${head}Content-Length: 100001\r\n\r\n`))).toEqual([413])
  })
})
