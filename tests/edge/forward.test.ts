import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { rawClient, rawExchange, statuses } from "../support/raw-client.ts"
import { type Recorder, ok, recorder } from "../support/recorder.ts"
import { type TestEdge, testEdge } from "../support/edge.ts"
import { until } from "../support/until.ts"

let upstream: Recorder
let edge: TestEdge

beforeAll(async () => {
  upstream = await recorder()
  edge = await testEdge({ EDGE_MAX_BODY_BYTES: "100000", PROXY_REQUEST_TIMEOUT: "1", PROXY_CONNECT_TIMEOUT: "1" })
  edge.proxy("a.test", upstream.port)
})
afterAll(async () => {
  await edge.close(0)
  await upstream.close()
})
beforeEach(() => {
  upstream.reset()
  edge.records.length = 0
})

const get = (path = "/", extra = "") => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n${extra}\r\n`
const last = "Connection: close\r\n"
const ask = (request: string) => rawExchange(edge.httpPort, request)
const record = async (path: string) => {
  await until(() => edge.records.some((entry) => entry.path === path))
  return edge.records.find((entry) => entry.path === path)!
}

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

describe("aborts", () => {
  it("a client that leaves while the backend thinks is noticed there at once", async () => {
    upstream.respond = () => {}
    const client = await rawClient(edge.httpPort)
    client.socket.write(get("/left"))
    await until(() => upstream.requests.length === 1)
    const from = performance.now()
    client.socket.destroy()
    await until(() => upstream.sockets.size === 0)
    expect(performance.now() - from).toBeLessThan(500)
    expect(await record("/left")).toMatchObject({ reason: "client_closed", status: 0 })
  })

  it("a client that leaves in the middle of a body is noticed too", async () => {
    upstream.respond = ({ socket }) => socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
    const client = await rawClient(edge.httpPort)
    client.socket.write(get())
    await client.until((text) => text.includes("\r\n\r\n"))
    client.socket.resetAndDestroy()
    await until(() => upstream.sockets.size === 0)
  })

  it("requests that wait behind another one are given up with it", async () => {
    upstream.respond = () => {}
    const client = await rawClient(edge.httpPort)
    client.socket.write(get("/1") + get("/2") + get("/behind"))
    await until(() => upstream.requests.length === 3)
    client.socket.destroy()
    await until(() => upstream.sockets.size === 0)
    expect(await record("/behind")).toMatchObject({ reason: "client_closed", status: 0 })
  })

  it("a client that leaves in the middle of its own body leaves no half request that looks whole", async () => {
    const client = await rawClient(edge.httpPort)
    client.socket.write("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    await until(() => upstream.raw.join("").includes("abc"))
    client.socket.end()
    await until(() => upstream.sockets.size === 0)
    expect(upstream.raw.join("")).not.toContain("0\r\n\r\n")
  })
})

describe("connections to the backend", () => {
  it("are used again, one after the other", async () => {
    const client = await rawClient(edge.httpPort)
    for (let i = 1; i <= 5; i += 1) {
      client.socket.write(get(`/${i}`))
      await client.until((text) => statuses(text).length === i && text.endsWith("ok"))
    }
    client.socket.destroy()
    expect(upstream.connections).toBe(1)
    expect(upstream.requests.map(({ nth }) => nth)).toEqual([1, 2, 3, 4, 5])
  })

  it("die of any byte while they are free: an extra answer is never given to the next request", async () => {
    upstream.respond = ({ socket }) => socket.write(ok + ok.replace("ok", "no"))
    expect(await ask(get("/1", last))).toMatch(/ok$/)
    upstream.respond = ({ socket }) => {
      socket.write(ok)
      setTimeout(() => socket.write(ok.replace("ok", "no")), 20)
    }
    expect(await ask(get("/2", last))).toMatch(/ok$/)
    await until(() => upstream.sockets.size === 0)
    upstream.respond = ({ socket }) => socket.write(ok)
    expect(await ask(get("/3", last))).toMatch(/ok$/)
    expect(upstream.connections).toBe(3)
  })

  it("are not used when the backend says close, speaks HTTP/1.0, or its hint is too short", async () => {
    for (const [i, head] of [
      "HTTP/1.1 200 OK\r\nConnection: close",
      "HTTP/1.0 200 OK",
      "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1",
    ].entries()) {
      upstream.respond = ({ socket }) => socket.write(`${head}\r\nContent-Length: 2\r\n\r\nok`)
      await ask(get("/", last))
      expect(upstream.connections).toBe(i + 1)
    }
  })

  it("are given up one second before the backend's hint", async () => {
    upstream.respond = ({ socket }) =>
      socket.write("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=2\r\nContent-Length: 2\r\n\r\nok")
    await ask(get("/", last))
    const from = performance.now()
    await until(() => upstream.sockets.size === 0)
    expect(performance.now() - from).toBeGreaterThan(500)
    expect(performance.now() - from).toBeLessThan(1900)
  })

  it("of one proxy are never used for another with the same target", async () => {
    edge.proxy("b.test", upstream.port)
    await ask(get("/", last))
    await ask(get("/", last).replace("a.test", "b.test"))
    expect(upstream.connections).toBe(2)
  })

  it("are not used again before the request was sent whole", async () => {
    upstream.onConnection = (socket) =>
      socket.once("data", () => socket.write("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"))
    const text = await ask("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 70000\r\n\r\nabc")
    expect(statuses(text)).toEqual([403])
    await until(() => upstream.sockets.size === 0)
  })
})

describe("a connection that dies on reuse", () => {
  const dieOnSecond = () => {
    upstream.respond = ({ socket, nth, line }) => {
      if (nth === 1 || line.includes("/safe")) socket.write(ok)
      else socket.destroy()
    }
  }

  it("an idempotent request without a body is sent once more on a new one", async () => {
    dieOnSecond()
    await ask(get("/1", last))
    expect(statuses(await ask(get("/2", last)))).toEqual([200])
    expect(upstream.connections).toBe(2)
    expect(upstream.requests.map(({ line }) => line.split(" ")[1])).toEqual(["/1", "/2", "/2"])
  })

  it("is not tried a third time", async () => {
    upstream.respond = ({ socket, line }) => (line.includes(" /1 ") ? socket.write(ok) : socket.destroy())
    await ask(get("/1", last))
    expect(statuses(await ask(get("/2", last)))).toEqual([502])
    expect(upstream.requests).toHaveLength(3)
  })

  it("POST is never sent twice", async () => {
    dieOnSecond()
    await ask(get("/1", last))
    expect(statuses(await ask(`POST /2 HTTP/1.1\r\nHost: a.test\r\n${last}Content-Length: 2\r\n\r\nab`))).toEqual([502])
    expect(statuses(await ask(get("/safe", last)))).toEqual([200])
    expect(upstream.requests.filter(({ line }) => line.startsWith("POST"))).toHaveLength(1)
  })

  it("nothing is sent again once a byte of the answer came", async () => {
    upstream.respond = ({ socket, nth }) => {
      if (nth === 1) socket.write(ok)
      else socket.end("HTTP/1.1 2")
    }
    await ask(get("/1", last))
    expect(statuses(await ask(get("/2", last)))).toEqual([502])
    expect(upstream.connections).toBe(1)
  })

  it("a new connection that dies is not retried", async () => {
    upstream.respond = ({ socket }) => void socket.destroy()
    expect(statuses(await ask(get("/dies", last)))).toEqual([502])
    expect(upstream.connections).toBe(1)
    expect(await record("/dies")).toMatchObject({ reason: "upstream_closed", status: 502, proxy: "a.test" })
  })
})
