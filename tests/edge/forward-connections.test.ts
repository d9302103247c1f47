import { describe, expect, it } from "vitest"
import { rawClient, rawExchange, statuses } from "../support/raw-client.ts"
import { testEdge } from "../support/edge.ts"
import { ok } from "../support/recorder.ts"
import { until } from "../support/until.ts"
import { forwardEdge, upstream, edge, get, last, ask, record } from "./forward-edge.ts"

forwardEdge()

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
      socket.write("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=30\r\nContent-Length: 2\r\n\r\nok")
    const moment = { now: 0 }
    const timed = await testEdge({}, { now: () => moment.now })
    timed.proxy("a.test", upstream.port)
    const answered = async () => statuses(await rawExchange(timed.httpPort, get("/", last)))
    expect(await answered()).toEqual([200])
    moment.now = 28_999
    expect([await answered(), upstream.connections]).toEqual([[200], 1])
    moment.now += 28_999
    expect([await answered(), upstream.connections]).toEqual([[200], 1])
    moment.now += 29_000
    await until(() => upstream.sockets.size === 0)
    await timed.close(0)
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
