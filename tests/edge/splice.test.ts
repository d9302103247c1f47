import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { rawClient, rawExchange, statuses } from "../support/raw-client.ts"
import { type Recorder, recorder } from "../support/recorder.ts"
import { type TestEdge, openGuard, testEdge } from "../support/edge.ts"
import WebSocket, { WebSocketServer } from "ws"
import type { AddressInfo } from "node:net"
import type { Guard } from "../../src/edge/guard.ts"
import { until } from "../support/until.ts"

let upstream: Recorder
let edge: TestEdge
let echo: WebSocketServer
let admit = true

const identity = { subject: "u", clientId: "c", grantId: "g", expires: 4_000_000_000 }
const guard: Guard = {
  ...openGuard,
  check: () =>
    admit
      ? { pass: true, headers: ["X-Auth-User-Id", "u"], protected: true, identity }
      : { pass: false, status: 401, headers: ["WWW-Authenticate", "Bearer"], body: "no", reason: "no_credential" },
}

beforeAll(async () => {
  upstream = await recorder()
  echo = new WebSocketServer({ port: 0, host: "127.0.0.1" })
  echo.on("connection", (socket, request) => {
    socket.on("message", (data, binary) => socket.send(data, { binary }))
    if (request.url === "/headers") socket.send(JSON.stringify(request.headers))
    if (request.url === "/hangs-up") socket.close(4001, "bye")
  })
  edge = await testEdge({ PROXY_REQUEST_TIMEOUT: "1", EDGE_STREAM_IDLE_TIMEOUT: "2" }, { guard })
  edge.proxy("a.test", upstream.port)
  edge.proxy("echo.test", (echo.address() as AddressInfo).port)
})
afterAll(async () => {
  await edge.close(0)
  echo.close()
  await upstream.close()
})
beforeEach(() => {
  upstream.reset()
  admit = true
})

const key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
const version = "Sec-WebSocket-Version: 13\r\n"
const upgrade = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
const open = (headers = upgrade + key + version, line = "GET /ws HTTP/1.1") =>
  `${line}\r\nHost: a.test\r\n${headers}\r\n`
const switched =
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"
const ask = (request: string) => rawExchange(edge.httpPort, request)
const dial = (path: string, secure: boolean) =>
  new WebSocket(`${secure ? "wss" : "ws"}://127.0.0.1:${secure ? edge.httpsPort : edge.httpPort}${path}`, {
    headers: { Host: "echo.test" },
    ...({ servername: "" } as object),
    rejectUnauthorized: false,
  })

describe.each([
  ["plain", false],
  ["TLS", true],
] as const)("over %s", (_, secure) => {
  it("messages go both ways, small and large", async () => {
    const socket = dial("/", secure)
    const received: Buffer[] = []
    socket.on("message", (data: Buffer) => received.push(data))
    await new Promise((resolve) => socket.once("open", resolve))
    const large = Buffer.alloc(1_048_576, 7)
    socket.send("hello")
    socket.send(large)
    await until(() => received.length === 2)
    expect(received[0]?.toString()).toBe("hello")
    expect(received[1]?.equals(large)).toBe(true)
    socket.close()
    await new Promise((resolve) => socket.once("close", resolve))
  })

  it("the backend's close reaches the client", async () => {
    const socket = dial("/hangs-up", secure)
    const code = await new Promise((resolve) => socket.once("close", resolve))
    expect(code).toBe(4001)
  })
})

it("the backend sees the guard's headers, and no credentials of the client", async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${edge.httpPort}/headers`, {
    headers: { Host: "echo.test", Authorization: "Bearer t", "X-Auth-User-Id": "evil" },
  })
  const message = await new Promise((resolve) => socket.once("message", resolve))
  expect(JSON.parse(String(message))).toMatchObject({
    "x-auth-user-id": "u",
    upgrade: "websocket",
    "x-forwarded-proto": "http",
  })
  expect(String(message)).not.toMatch(/bearer|evil/i)
  socket.terminate()
  await until(() => edge.records.some(({ path, status }) => path === "/headers" && status === 101))
})

it("bytes that come early on either side are kept", async () => {
  upstream.respond = ({ socket }) => setTimeout(() => socket.write(`${switched}EARLY`), 30)
  const client = await rawClient(edge.httpPort)
  client.socket.write(`${open()}FIRST`)
  client.socket.write("SECOND")
  await client.until((text) => text.includes("EARLY"))
  await until(() => upstream.raw.join("").endsWith("FIRSTSECOND"))
  expect(client.received()).toContain("Sec-WebSocket-Accept: x")
  client.socket.destroy()
  await until(() => upstream.sockets.size === 0)
})

describe("handshakes that are refused", () => {
  it.each([
    ["another version", open(`${upgrade + key}Sec-WebSocket-Version: 8\r\n`), 426],
    ["no version", open(upgrade + key), 426],
    ["no key", open(upgrade + version), 400],
    ["a short key", open(`${upgrade + version}Sec-WebSocket-Key: AAAA\r\n`), 400],
    ["a key that is no base64", open(`${upgrade + version}Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!==\r\n`), 400],
    ["POST", open(upgrade + key + version, "POST /ws HTTP/1.1"), 400],
    ["a body", open(`${upgrade + key + version}Content-Length: 2\r\n`), 400],
    ["a bad target", open(upgrade + key + version, "GET /../ws HTTP/1.1"), 400],
    ["an unknown host", open(upgrade + key + version).replace("a.test", "b.test"), 404],
  ])("%s", async (_, request, status) => {
    expect(statuses(await ask(request))).toEqual([status])
    expect(upstream.requests).toEqual([])
  })

  it("426 names the version", async () => {
    expect(await ask(open(upgrade + key))).toContain("Sec-WebSocket-Version: 13")
  })

  it("the guard's refusal is an ordinary answer", async () => {
    admit = false
    const text = await ask(open())
    expect(text).toMatch(/^HTTP\/1\.1 401 [^]*WWW-Authenticate: Bearer[^]*Connection: close[^]*no$/)
    expect(upstream.requests).toEqual([])
  })
})

describe("answers of the backend other than 101", () => {
  it("are passed as ordinary answers, and the connection ends", async () => {
    upstream.respond = ({ socket }) => socket.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
    const text = await ask(open())
    expect(statuses(text)).toEqual([403])
    expect(text).toMatch(/no$/)
    await until(() => upstream.sockets.size === 0)
  })

  it("a switch to another protocol is a 502", async () => {
    upstream.respond = ({ socket }) => socket.write(switched.replace("websocket", "h2c"))
    expect(statuses(await ask(open()))).toEqual([502])
  })

  it("silence is a 504", async () => {
    upstream.respond = () => {}
    expect(statuses(await ask(open()))).toEqual([504])
  })
})

describe("endings", () => {
  const join = async () => {
    upstream.respond = ({ socket }) => socket.write(switched)
    const client = await rawClient(edge.httpPort)
    client.socket.write(open())
    await client.until((text) => text.includes("101"))
    return client
  }

  it("a client that resets ends the backend's side, and nothing else happens", async () => {
    const client = await join()
    client.socket.resetAndDestroy()
    await until(() => upstream.sockets.size === 0)
    expect(statuses(await ask("GET / HTTP/1.1\r\nHost: b.test\r\nConnection: close\r\n\r\n"))).toEqual([404])
  })

  it("a client that resets before the backend has answered ends it too", async () => {
    upstream.respond = () => {}
    const client = await rawClient(edge.httpPort)
    client.socket.write(open())
    await until(() => upstream.requests.length === 1)
    client.socket.resetAndDestroy()
    await until(() => upstream.sockets.size === 0)
  })

  it("a backend that resets ends the client's side", async () => {
    const client = await join()
    for (const socket of upstream.sockets) socket.resetAndDestroy()
    await client.closed()
  })

  it("silence both ways ends it after the idle time", async () => {
    const from = performance.now()
    const client = await join()
    await client.closed()
    expect(performance.now() - from).toBeGreaterThan(1500)
    await until(() => upstream.sockets.size === 0)
  })
})
