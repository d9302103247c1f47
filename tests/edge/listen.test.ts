import { afterEach, describe, expect, it } from "vitest"
import { rawClient, rawExchange, statuses } from "../support/raw-client.ts"
import { recorder } from "../support/recorder.ts"
import { testEdge } from "../support/edge.ts"
import { PortError } from "../../src/edge/listen.ts"
import { connect } from "node:net"
import { freePort } from "../support/ports.ts"
import { once } from "node:events"
import { programEnvironment } from "../support/program-environment.ts"
import { spawn } from "node:child_process"
import { until } from "../support/until.ts"

const running: { close(graceMs: number): Promise<void> }[] = []
const start = async (env: Record<string, string> = {}) => {
  const upstream = await recorder()
  const edge = await testEdge(env)
  edge.proxy("a.test", upstream.port)
  running.push(edge, { close: () => upstream.close() })
  return { edge, upstream }
}
afterEach(async () => {
  for (const part of running.splice(0)) await part.close(0)
})

const get = (path = "/", extra = "") => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n${extra}\r\n`
const elapsed = async (work: () => Promise<unknown>) => {
  const from = performance.now()
  await work()
  return performance.now() - from
}

describe("silent and slow clients", () => {
  it("a connection that sends no byte is closed", async () => {
    const { edge } = await start({ EDGE_FIRST_BYTE_TIMEOUT: "1" })
    for (const port of [edge.httpPort, edge.httpsPort]) {
      const client = await rawClient(port, port === edge.httpsPort ? null : undefined)
      expect(await client.closed()).toBe("")
    }
  })

  it("a handshake that does not go on is closed", async () => {
    const { edge } = await start({ EDGE_HANDSHAKE_TIMEOUT: "1" })
    const client = await rawClient(edge.httpsPort)
    await client.closed()
  })

  it("a head that does not end is a 408", async () => {
    const { edge } = await start({ EDGE_HEADERS_TIMEOUT: "1" })
    const client = await rawClient(edge.httpPort)
    client.socket.write("GET / HTTP/1.1\r\nHost: a.test\r\n")
    const drip = setInterval(() => client.socket.write("X: y\r\n"), 100)
    expect(statuses(await client.closed())).toEqual([408])
    clearInterval(drip)
  })

  it("blank lines do not keep a connection open", async () => {
    const { edge } = await start({ EDGE_FIRST_BYTE_TIMEOUT: "1", EDGE_HEADERS_TIMEOUT: "1" })
    const client = await rawClient(edge.httpPort)
    const drip = setInterval(() => client.socket.write("\r\n"), 100)
    await client.closed()
    clearInterval(drip)
  })

  it("an idle connection is closed after its time, and not before", async () => {
    const { edge } = await start({ EDGE_KEEPALIVE_TIMEOUT: "1" })
    const client = await rawClient(edge.httpPort)
    const time = await elapsed(async () => {
      client.socket.write(get())
      await client.until((text) => text.endsWith("ok"))
      await client.closed()
    })
    expect(time).toBeGreaterThan(800)
  })

  it("others are served meanwhile", async () => {
    const { edge } = await start({ EDGE_HEADERS_TIMEOUT: "600" })
    const slow = await Promise.all(Array.from({ length: 100 }, () => rawClient(edge.httpPort)))
    for (const { socket } of slow) socket.write("GET / HTTP/1.1\r\n")
    expect(statuses(await rawExchange(edge.httpPort, get("/", "Connection: close\r\n")))).toEqual([200])
    expect(slow.filter(({ isClosed }) => isClosed)).toEqual([])
  })

  it("a body that is slower than the least rate is a 408, and the backend never gets it whole", async () => {
    const { edge, upstream } = await start({ EDGE_BODY_MIN_RATE: "1000000" })
    const client = await rawClient(edge.httpPort)
    client.socket.write("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n")
    const drip = setInterval(() => client.socket.write("a"), 500)
    expect(statuses(await client.closed(15_000))).toEqual([408])
    clearInterval(drip)
    await until(() => upstream.sockets.size === 0)
    expect(upstream.requests).toEqual([])
  }, 20_000)
})

describe("numbers of connections", () => {
  it("of one address: one more is closed at once, and a place becomes free again", async () => {
    const { edge } = await start({ EDGE_MAX_CONNECTIONS_PER_IP: "2" })
    const [first] = await Promise.all([rawClient(edge.httpPort), rawClient(edge.httpPort)])
    const third = await rawClient(edge.httpPort)
    await third.closed()
    first.socket.destroy()
    await until(() => edge.status().connections === 1)
    expect(statuses(await rawExchange(edge.httpPort, get("/", "Connection: close\r\n")))).toEqual([200])
  })

  it("of a trusted proxy, which many clients share, are not limited", async () => {
    const { edge } = await start({ EDGE_MAX_CONNECTIONS_PER_IP: "1", TRUSTED_PROXIES: "127.0.0.0/8" })
    await Promise.all([rawClient(edge.httpPort), rawClient(edge.httpPort)])
    expect(statuses(await rawExchange(edge.httpPort, get("/", "Connection: close\r\n")))).toEqual([200])
  })

  it("in all, over both listeners", async () => {
    const { edge } = await start({ EDGE_MAX_CONNECTIONS: "1" })
    await rawClient(edge.httpsPort, null)
    await (await rawClient(edge.httpPort)).closed()
  })

  it("connections are counted down however they end", async () => {
    const { edge } = await start({ EDGE_MAX_CONNECTIONS_PER_IP: "5" })
    for (let i = 0; i < 20; i += 1) {
      const socket = connect(i % 2 === 0 ? edge.httpPort : edge.httpsPort, "127.0.0.1").resume()
      socket.on("error", () => {})
      await once(socket, "connect")
      if (i % 3 === 0) socket.resetAndDestroy()
      else socket.end("garbage")
      await once(socket, "close")
    }
    await until(() => edge.status().connections === 0)
    expect(statuses(await rawExchange(edge.httpPort, get("/", "Connection: close\r\n")))).toEqual([200])
  })
})

describe("ports", () => {
  it("a taken port is named with the variables that choose another", async () => {
    const { edge } = await start()
    await expect(testEdge({ HTTP_PORT: String(edge.httpPort) })).rejects.toThrow(PortError)
    await expect(testEdge({ HTTPS_PORT: String(edge.httpPort) })).rejects.toThrow(
      /HTTPS_PORT.*HTTP_PORT and HTTPS_PORT/,
    )
  })

  it("after a failure nothing stays bound", async () => {
    const { edge } = await start()
    const http = await freePort()
    await expect(testEdge({ HTTP_PORT: String(http), HTTPS_PORT: String(edge.httpPort) })).rejects.toThrow(PortError)
    const second = await testEdge({ HTTP_PORT: String(http) })
    expect(second.httpPort).toBe(http)
    await second.close(0)
  })
})

it.each([
  ["an option", ["--insecure-http-parser"], {}],
  ["the environment", [], { NODE_OPTIONS: "--insecure-http-parser" }],
])("the edge does not start when the lenient parser is switched on by %s", async (_, options, env) => {
  const script = `
    const { assertStrictParser } = await import("./src/edge/listen.ts")
    await assertStrictParser().then(() => console.log("strict"), (error) => console.log(error.message))`
  const run = async (args: readonly string[], extra: Record<string, string>) => {
    const child = spawn(process.execPath, [...args, "--input-type=module", "-e", script], {
      env: { ...programEnvironment(), ...extra },
    })
    let output = ""
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()))
    await once(child, "close")
    return output
  }
  expect(await run(options, env)).toContain("--insecure-http-parser")
  expect(await run([], {})).toBe("strict\n")
})

describe("draining", () => {
  it("lets open requests end, ends idle connections, and takes no new ones", async () => {
    const { edge, upstream } = await start()
    upstream.respond = () => {}
    const idle = await rawClient(edge.httpPort)
    const busy = await rawClient(edge.httpPort)
    busy.socket.write(get())
    await until(() => upstream.requests.length === 1)
    // Longer than a test may take: what it waits for is the request alone.
    const closing = edge.close(600_000)
    await idle.closed()
    await expect(rawClient(edge.httpPort)).rejects.toThrow(/ECONNREFUSED/)
    upstream.requests[0]!.socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
    const text = await busy.closed()
    expect(text).toMatch(/Connection: close[^]*done$/)
    await closing
  })

  it("cuts what is left when the time is over", async () => {
    const { edge, upstream } = await start()
    upstream.respond = ({ socket }) =>
      void socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
    const stream = await rawClient(edge.httpPort)
    stream.socket.write(get())
    await stream.until((text) => text.includes("data: 1"))
    await rawClient(edge.httpsPort)
    await edge.close(200)
    expect(await stream.closed()).toMatch(/0\r\n\r\n$/)
  })
})
