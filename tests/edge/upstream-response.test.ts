import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { rawClient, rawExchange, statuses } from "../support/raw-client.ts"
import { type Recorder, recorder } from "../support/recorder.ts"
import { type TestEdge, testEdge } from "../support/edge.ts"
import type { Lookup } from "../../src/edge/upstream-address.ts"
import { freePort } from "../support/ports.ts"
import { until } from "../support/until.ts"

let upstream: Recorder
let edge: TestEdge

/** Names of the test: one resolves to a good and a bad address, one never resolves, the rest do not exist. */
const lookup: Lookup = (hostname, done) => {
  if (hostname === "mixed") done(null, ["127.0.0.1", "169.254.169.254"])
  else if (hostname !== "stuck") done(new Error("no such name"), [])
}

beforeAll(async () => {
  upstream = await recorder()
  edge = await testEdge(
    { PROXY_REQUEST_TIMEOUT: "1", PROXY_CONNECT_TIMEOUT: "1" },
    { allowAddress: (ip) => !ip.startsWith("169."), lookup },
  )
  edge.proxy("a.test", upstream.port)
  edge.proxy("refuses.test", await freePort())
  edge.proxy("mixed.test", 1, { target_url: `http://mixed:${upstream.port}` })
  edge.proxy("stuck.test", 1, { target_url: "http://stuck" })
  edge.proxy("metadata.test", 1, { target_url: "http://169.254.169.254" })
  edge.proxy("nowhere.test", 1, { target_url: "instance://gone" })
  edge.proxy("nameless.test", 1, { target_url: "http://does-not-exist.invalid" })
})
afterAll(async () => {
  await edge.close(0)
  await upstream.close()
})
beforeEach(() => upstream.reset())

const get = (path = "/", host = "a.test") => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
const ask = (request: string) => rawExchange(edge.httpPort, request)
const reasonOf = async (path: string) => {
  await until(() => edge.records.some((entry) => entry.path === path))
  return edge.records.find((entry) => entry.path === path)?.reason
}

describe("before an answer", () => {
  it("a backend that refuses the connection is a 502", async () => {
    expect(statuses(await ask(get("/refuses", "refuses.test")))).toEqual([502])
    expect(await reasonOf("/refuses")).toBe("upstream_unreachable")
  })

  it("a backend whose name does not resolve is a 502", async () => {
    expect(statuses(await ask(get("/", "nameless.test")))).toEqual([502])
  })

  it("a forbidden address is never dialled", async () => {
    expect(statuses(await ask(get("/forbidden", "metadata.test")))).toEqual([502])
    expect(await reasonOf("/forbidden")).toBe("upstream_forbidden")
  })

  it("a name with one forbidden address among good ones is refused", async () => {
    expect(statuses(await ask(get("/mixed", "mixed.test")))).toEqual([502])
    expect(await reasonOf("/mixed")).toBe("upstream_forbidden")
    expect(upstream.connections).toBe(0)
  })

  it("a backend that cannot be reached in time is a 504", async () => {
    expect(statuses(await ask(get("/stuck", "stuck.test")))).toEqual([504])
    expect(await reasonOf("/stuck")).toBe("gateway_timeout")
  })

  it("a target that is none is a 502 with its own code", async () => {
    expect(await ask(get("/", "nowhere.test"))).toContain('"code":"target_unavailable"')
  })

  it("a backend that accepts and never answers is a 504", async () => {
    upstream.respond = () => {}
    const from = performance.now()
    expect(statuses(await ask(get("/silent")))).toEqual([504])
    expect(performance.now() - from).toBeGreaterThan(900)
    await until(() => upstream.sockets.size === 0)
  })

  it("a head of one byte at a time ends at the same deadline", async () => {
    upstream.respond = ({ socket }) => {
      socket.write("HTTP/1.1 200 OK\r\n")
      const timer = setInterval(() => socket.write("X"), 50)
      socket.on("close", () => clearInterval(timer))
    }
    expect(statuses(await ask(get("/drip")))).toEqual([504])
    await until(() => upstream.sockets.size === 0)
  })
})

describe("answers that become a 502, after which the connection to the backend is dead", () => {
  it.each([
    [
      "Content-Length and Transfer-Encoding",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    ],
    ["a length twice", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab"],
    ["a malformed length", "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nab"],
    ["lines ended by LF", "HTTP/1.1 200 OK\nContent-Length: 2\n\nab"],
    ["a bad status", "HTTP/1.1 2xx OK\r\nContent-Length: 2\r\n\r\nab"],
    ["another protocol", "SSH-2.0-OpenSSH\r\n"],
    ["a control byte in a header", "HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 2\r\n\r\nab"],
    ["a header of 20 KB", `HTTP/1.1 200 OK\r\nX: ${"a".repeat(20_000)}\r\nContent-Length: 2\r\n\r\nab`],
    ["endless headers", `HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(5000)}`],
    ["101 headers", `HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(101)}\r\n`],
    ["an unsolicited 101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"],
    ["a flood of 1xx", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(17)],
  ])("%s", async (_, answer) => {
    upstream.respond = ({ socket }) => void socket.write(answer, "latin1")
    expect(statuses(await ask(get()))).toEqual([502])
    await until(() => upstream.sockets.size === 0)
  })

  it("the same in single bytes", async () => {
    upstream.respond = ({ socket }) => {
      const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab"
      let at = 0
      const next = () => {
        if (at < answer.length && !socket.destroyed) socket.write(answer[at++]!, () => setImmediate(next))
      }
      next()
    }
    expect(statuses(await ask(get()))).toEqual([502])
  })

  it("a reset before the answer", async () => {
    upstream.respond = ({ socket }) => void socket.resetAndDestroy()
    expect(statuses(await ask(get()))).toEqual([502])
  })

  it("an answer that comes before the request", async () => {
    upstream.onConnection = (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")
    upstream.respond = () => {}
    const text = await ask(get())
    // It may race with our request; what counts is that its connection is never used again.
    expect([200, 502]).toContain(statuses(text)[0])
    upstream.onConnection = () => {}
    upstream.respond = ({ socket }) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes")
    expect(await ask(get())).toMatch(/yes$/)
  })
})

describe("interim answers", () => {
  it("are swallowed, in one packet with the answer or alone", async () => {
    upstream.respond = ({ socket }) =>
      socket.write(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
      )
    expect(await ask(get())).toMatch(/^HTTP\/1\.1 200 OK\r\nContent-Length: 2\r\n[^]*\r\n\r\nok$/)
    upstream.respond = ({ socket }) => {
      socket.write("HTTP/1.1 102 Processing\r\n\r\n")
      setTimeout(() => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), 20)
    }
    expect(statuses(await ask(get()))).toEqual([200])
  })
})

describe("a body that breaks off never looks complete", () => {
  it.each([
    ["shorter than its length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"],
    ["chunked without its last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"],
    ["in the middle of a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc"],
    [
      "a broken chunk size",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
      "zz\r\nabc\r\n0\r\n\r\n",
    ],
  ])("%s", async (_, answer, later = "") => {
    upstream.respond = ({ socket }) => {
      socket.write(answer)
      setTimeout(() => socket.end(later), 20)
    }
    const text = await ask(get())
    expect(statuses(text)[0]).toBe(200)
    expect(text).not.toMatch(/0\r\n\r\n$/)
    expect(text.includes("Content-Length: 10") || text.includes("chunked")).toBe(true)
  })

  it("a reset of a body that ends with the connection cuts the client's connection", async () => {
    upstream.respond = ({ socket }) => {
      socket.write("HTTP/1.1 200 OK\r\n\r\nabc")
      setTimeout(() => socket.resetAndDestroy(), 30)
    }
    const text = await ask(get())
    expect(text).toContain("Transfer-Encoding: chunked")
    expect(text).not.toMatch(/0\r\n\r\n$/)
  })

  it("a body of known length that crawls is cut", async () => {
    upstream.respond = ({ socket }) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
      const timer = setInterval(() => socket.write("a"), 50)
      socket.on("close", () => clearInterval(timer))
    }
    await ask(get("/crawl"))
    expect(await reasonOf("/crawl")).toBe("gateway_timeout")
  })
})

describe("streams", () => {
  it("the first event arrives before the second is sent, with buffering switched off for others", async () => {
    upstream.respond = ({ socket }) =>
      socket.write(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n",
      )
    const client = await rawClient(edge.httpPort)
    client.socket.write(get())
    expect(await client.until((text) => text.includes("data: 1"))).toContain("X-Accel-Buffering: no")
    for (const socket of upstream.sockets) socket.end("9\r\ndata: 2\n\n\r\n0\r\n\r\n")
    expect(await client.closed()).toMatch(/data: 2\n\n\r\n0\r\n\r\n$/)
  })

  it("a head without a body leaves at once", async () => {
    upstream.respond = ({ socket }) => void socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    const client = await rawClient(edge.httpPort)
    client.socket.write(get())
    expect(await client.until((text) => text.includes("\r\n\r\n"))).toMatch(/^HTTP\/1\.1 200 /)
    client.socket.destroy()
  })

  it("the backend's own choice about buffering is kept", async () => {
    upstream.respond = ({ socket }) =>
      void socket.end("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Accel-Buffering: yes\r\n\r\n")
    expect((await ask(get())).match(/x-accel-buffering/gi)).toHaveLength(1)
  })

  it("outlive the request's time", async () => {
    upstream.respond = ({ socket }) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
      setTimeout(() => socket.end("data: late\n\n"), 1600)
    }
    expect(await ask(get())).toContain("data: late")
  })
})
