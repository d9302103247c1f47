import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { type RawClient, rawClient } from "../support/raw-client.ts"
import { type Recorder, recorder } from "../support/recorder.ts"
import { type TestEdge, testEdge } from "../support/edge.ts"
import type { Guard } from "../../src/edge/guard.ts"
import { until } from "../support/until.ts"

let upstream: Recorder
/** Looks at its streams again when something changed; by itself not within a test. */
let edge: TestEdge
/** Looks at them every second, and ends those that are silent for two. */
let watchful: TestEdge
const revoked = new Set<string>()
let anonymous = true
/** Subjects that were asked about, in order. */
const asked: string[] = []

/** The subject is what the path says; `/` is nobody. */
const guard: Guard = {
  check(_, { path }) {
    const identity =
      path === "/" ? null : { subject: path.slice(1), clientId: "c", grantId: "g", expires: 4_000_000_000 }
    if (identity === null && !anonymous)
      return { pass: false, status: 401, headers: [], body: "", reason: "no_credential" }
    return { pass: true, headers: [], protected: false, identity }
  },
  claims: () => undefined,
  stillAllowed(_, { subject }) {
    asked.push(subject)
    return !revoked.has(subject)
  },
}

beforeAll(async () => {
  upstream = await recorder()
  edge = await testEdge({ AUTH_STREAM_RECHECK: "600" }, { guard })
  watchful = await testEdge({ AUTH_STREAM_RECHECK: "1", EDGE_STREAM_IDLE_TIMEOUT: "2" }, { guard })
  for (const one of [edge, watchful]) one.proxy("a.test", upstream.port)
})
afterAll(async () => {
  for (const one of [edge, watchful]) await one.close(0)
  await upstream.close()
})
beforeEach(() => {
  upstream.reset()
  upstream.respond = ({ socket, headers }) =>
    void socket.write(
      headers.some((line) => line.startsWith("Upgrade"))
        ? "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        : "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n",
    )
  revoked.clear()
  anonymous = true
})

async function stream(path: string, { httpPort } = edge): Promise<RawClient> {
  const client = await rawClient(httpPort)
  client.socket.write(`GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`)
  await client.until((text) => text.includes("data: 1"))
  return client
}

async function webSocket(path: string): Promise<RawClient> {
  const client = await rawClient(edge.httpPort)
  client.socket.write(
    `GET ${path} HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
  )
  await client.until((text) => text.includes("101"))
  return client
}

/** Any event; the guard's answer is what counts. */
const anyEvent = () => edge.projections.append("grant", "g", "GrantRevoked", { reason: "user" })

describe("a change of the projections", () => {
  it("closes the streams whose identity is no longer allowed, and only those", async () => {
    const [bad, good] = await Promise.all([stream("/bad"), stream("/good")])
    revoked.add("bad")
    anyEvent()
    expect(await bad.until((text) => text.endsWith("0\r\n\r\n"))).toContain("data: 1")
    expect(good.received()).not.toMatch(/0\r\n\r\n$/)
    await until(() => upstream.sockets.size === 1)
    good.socket.destroy()
    await until(() => edge.records.some(({ path, reason }) => path === "/bad" && reason === "no_longer_allowed"))
  })

  it("closes a WebSocket with code 1008", async () => {
    const client = await webSocket("/bad")
    revoked.add("bad")
    anyEvent()
    expect(await client.closed()).toMatch(/\x88\x02\x03\xf0$/)
    await until(() => upstream.sockets.size === 0)
  })

  it("closes what had no identity when one is now needed", async () => {
    const client = await stream("/")
    anonymous = false
    anyEvent()
    await client.until((text) => text.endsWith("0\r\n\r\n"))
    client.socket.destroy()
  })

  it.each([
    ["switched off", () => edge.projections.append("proxy", "b.test", "ProxyUpdated", { enabled: false })],
    ["removed", () => edge.projections.append("proxy", "b.test", "ProxyDeleted", { hostname: "b.test" })],
  ])("closes the streams of a proxy that is %s", async (_, change) => {
    edge.proxy("b.test", upstream.port)
    const client = await rawClient(edge.httpPort)
    client.socket.write("GET /x HTTP/1.1\r\nHost: b.test\r\n\r\n")
    await client.until((text) => text.includes("data: 1"))
    change()
    await client.until((text) => text.endsWith("0\r\n\r\n"))
    client.socket.destroy()
  })

  it("an ordinary answer that is under way is not a stream", async () => {
    const other = await stream("/other")
    upstream.respond = ({ socket }) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
    const client = await rawClient(edge.httpPort)
    client.socket.write("GET /bad HTTP/1.1\r\nHost: a.test\r\n\r\n")
    await client.until((text) => text.includes("ab"))
    revoked.add("bad")
    asked.length = 0
    anyEvent()
    await until(() => asked.length > 0)
    upstream.requests.at(-1)!.socket.write("cde")
    await client.until((text) => text.endsWith("abcde"))
    expect(asked).toEqual(["other"])
    for (const { socket } of [client, other]) socket.destroy()
  })
})

it("without any change a stream is looked at again and again", async () => {
  const client = await stream("/bad", watchful)
  revoked.add("bad")
  await client.until((text) => text.endsWith("0\r\n\r\n"))
  client.socket.destroy()
})

it("a stream without a byte ends after its idle time, one with bytes does not", async () => {
  const from = performance.now()
  const [silent, alive] = await Promise.all([stream("/silent", watchful), stream("/alive", watchful)])
  const { socket: beating } = upstream.requests.find(({ line }) => line.includes("/alive"))!
  const beat = setInterval(() => beating.write("1\r\n:\r\n"), 200)
  await silent.until((text) => text.endsWith("\r\n0\r\n\r\n"))
  expect(performance.now() - from).toBeGreaterThan(1500)
  expect(alive.received()).not.toMatch(/\r\n0\r\n\r\n$/)
  clearInterval(beat)
  for (const { socket } of [silent, alive]) socket.destroy()
})
