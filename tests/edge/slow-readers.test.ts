import { type Recorder, recorder } from "../support/recorder.ts"
import { type TestEdge, testEdge } from "../support/edge.ts"
import { afterAll, beforeAll, expect, it } from "vitest"
import type { ServerResponse } from "node:http"
import { setTimeout as delay } from "node:timers/promises"
import { rawClient } from "../support/raw-client.ts"

const size = 16 * 1024 * 1024
let edge: TestEdge
/** Seconds that it keeps a client that takes nothing: more than this process itself may stand still. */
const kept = 3
let patient: TestEdge
let upstream: Recorder

beforeAll(async () => {
  upstream = await recorder()
  const admin = (_: unknown, res: ServerResponse) => void res.end(Buffer.alloc(size))
  edge = await testEdge({ EDGE_KEEPALIVE_TIMEOUT: "1", ADMIN_HOSTS: "admin.test" }, { admin })
  patient = await testEdge({ EDGE_KEEPALIVE_TIMEOUT: String(kept) })
  for (const one of [edge, patient]) one.proxy("a.test", upstream.port)
  upstream.respond = ({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
    socket.write(Buffer.alloc(size))
  }
})
afterAll(async () => {
  for (const one of [edge, patient]) await one.close(0)
  await upstream.close()
})

const ask = async (host: string, { httpPort } = edge) => {
  const client = await rawClient(httpPort)
  client.socket.write(`GET /${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  await client.until((text) => text.includes("\r\n\r\n"))
  client.socket.pause()
  return client
}
const recordOf = (host: string) => edge.records.find((record) => record.path === `/${host}`)

it.each(["a.test", "admin.test"])("A client that takes nothing of an answer is cut (%s)", async (host) => {
  const client = await ask(host)
  await expect.poll(() => recordOf(host), { timeout: 10_000 }).toMatchObject({ status: 200, reason: "client_stalled" })
  client.socket.destroy()
})

it("One that takes it slowly gets all of it", async () => {
  const client = await ask("a.test", patient)
  let taken = client.received().length
  client.socket.on("data", (chunk: Buffer) => {
    taken += chunk.length
    client.socket.pause()
  })
  // Longer than a client that takes nothing would be kept.
  for (const until = performance.now() + 1.2 * kept * 1000; performance.now() < until;) {
    client.socket.resume()
    await delay(100)
  }
  client.socket.removeAllListeners("data").on("data", (chunk: Buffer) => (taken += chunk.length))
  client.socket.resume()
  await expect.poll(() => taken, { timeout: 10_000 }).toBeGreaterThan(size)
  client.socket.destroy()
})
