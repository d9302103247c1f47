import { type RunningApi, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, expect, test } from "vitest"
import { type Socket, createConnection } from "node:net"
import { once } from "node:events"
import { runInNewContext } from "node:vm"
import { setFlagsFromString } from "node:v8"
import { subscriber } from "./subscriber.ts"
import { until } from "../../support/until.ts"

let api: RunningApi
beforeAll(async () => {
  api = await runningApi({ env: { EVENT_STREAM_STALL: "2" } })
  await api.call("POST", "/api/v1/proxy/targets", {
    hostname: "big.internal",
    target_url: "http://93.184.216.34",
    enable_https: false,
  })
  // More than every buffer between two sockets of this machine.
  const change = (round: number) =>
    api.report("UpdateProxy", {
      hostname: "big.internal",
      changes: { custom_headers: Object.fromEntries(names.map((name) => [name, `${round}${"x".repeat(2000)}`])) },
    })
  for (let round = 0; round < 2000; round += 50)
    await Promise.all(Array.from({ length: 50 }, (_, index) => change(round + index)))
}, 120_000)
afterAll(() => api.stop())

const names = Array.from({ length: 3 }, (_, index) => `X-Filler-${index}`)

const webSocket = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
]

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

/** Bytes outside of the heap that something still holds: what is only not collected yet costs nothing. */
function held(): number {
  collect()
  return process.memoryUsage().external
}

/** A client that asks and reads nothing behind the beginning of the answer. */
async function deaf(headers: readonly string[]): Promise<{ socket: Socket; closed: Promise<unknown> }> {
  const socket = createConnection(api.port, "127.0.0.1")
  socket.on("error", () => undefined)
  const closed = once(socket, "close")
  await once(socket, "connect")
  const lines = [
    "GET /api/v1/events/stream?from=1 HTTP/1.1",
    "Host: localhost",
    `Authorization: Bearer ${api.adminToken}`,
    ...headers,
  ]
  const answered = new Promise<Buffer>((resolve) =>
    socket.once("data", (beginning: Buffer) => {
      socket.pause()
      resolve(beginning)
    }),
  )
  socket.write(`${lines.join("\r\n")}\r\n\r\n`)
  expect((await answered).toString("latin1")).toMatch(/^HTTP\/1\.1 (?:200|101) /)
  return { socket, closed }
}

test.each([
  ["server-sent events", ["Connection: close"]],
  ["a WebSocket", webSocket],
])("A reader of %s that stands still is cut, and costs no memory until then", async (_, headers) => {
  const before = held()
  const readers = await Promise.all(Array.from({ length: 10 }, () => deaf(headers)))
  let most = 0
  while (api.subscriptions.count > 0) {
    most = Math.max(most, held() - before)
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  // Twelve megabytes are owed to each: what is held is a page on its way, and a socket's buffer.
  expect(most / 1024 / 1024).toBeLessThan(90)
  for (const { socket } of readers) socket.resume()
  await Promise.all(readers.map(({ closed }) => closed))
})

test("Whoever reads gets everything meanwhile, and one that was cut resumes where it was", async () => {
  const stuck = await deaf([])
  const events = await subscriber(`http://127.0.0.1:${api.port}/api/v1/events/stream`, api.adminToken, {
    "last-event-id": "1900",
  })
  const head = api.projections.world.position
  await until(() => events.received.length === head - 1900, 10_000)
  expect(events.received.map(({ event }) => event.position)).toEqual(
    Array.from({ length: head - 1900 }, (_, index) => 1901 + index),
  )
  await events.leave()
  stuck.socket.destroy()
  await stuck.closed
  await until(() => api.subscriptions.count === 0)
})
