import { type Installation, type Node, installation, startNode } from "../../support/gatehouse.ts"
import { type RedisServer, redisServer } from "../../support/redis-server.ts"
import { afterAll, beforeAll, expect, test } from "vitest"
import { type ClientRequest, type IncomingMessage, get } from "node:http"
import { WebSocket } from "ws"
import { once } from "node:events"
import { subscriber } from "../../api/subscribers/subscriber.ts"
import { until } from "../../support/until.ts"

let redis: RedisServer
let shared: Installation
let nodes: [Node, Node]
beforeAll(async () => {
  redis = await redisServer()
  shared = installation(redis.url)
  nodes = [await startNode(shared), await startNode(shared, { SHUTDOWN_GRACE: "10" })]
})
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()))
  await redis.stop()
})

const path = "/api/v1/events/stream"
let made = 0
async function change(node: Node): Promise<number> {
  const answer = await node.api("POST", "/api/v1/instances", { name: `i${++made}`, target_url: "http://127.0.0.1:1" })
  expect(answer.status).toBe(201)
  return Number(answer.headers.get("x-event-position"))
}
const stream = (node: Node, query = "", headers = {}) =>
  subscriber(`http://127.0.0.1:${node.apiPort}${path}${query}`, shared.ADMIN_TOKEN, headers)
const from = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index)
const positions = (messages: readonly { event: { position: number } }[]) => messages.map(({ event }) => event.position)

test("Through the edge, the admin host streams as server-sent events", async () => {
  const headers = { host: "localhost", authorization: `Bearer ${shared.ADMIN_TOKEN}` }
  const asked: ClientRequest = get({ port: nodes[0].httpPort, host: "127.0.0.1", path: `${path}?from=1`, headers })
  const [answer] = (await once(asked, "response")) as [IncomingMessage]
  expect([answer.statusCode, answer.headers["content-type"]]).toEqual([200, "text/event-stream"])
  let text = ""
  answer.on("data", (chunk: Buffer) => (text += chunk.toString()))
  answer.on("error", () => undefined)
  const position = await change(nodes[1])
  await until(() => text.includes(`\nid: ${position}\n`) || text.includes(`\n\nid: ${position}\n`))
  const told = [...text.matchAll(/"position":(\d+)/g)].map((match) => Number(match[1]))
  expect(told).toEqual(from(1, Math.max(position, told.at(-1)!)))
  asked.destroy()
})

test("Through the edge, the admin host streams as a WebSocket, and only there", async () => {
  const open = (host: string, token = shared.ADMIN_TOKEN, at = path) =>
    new WebSocket(`ws://127.0.0.1:${nodes[0].httpPort}${at}?from=1`, {
      headers: { host, authorization: `Bearer ${token}` },
    })
  const ws = open("localhost")
  const seen: number[] = []
  ws.on("message", (data: Buffer) => {
    const { position } = JSON.parse(data.toString()) as { position?: number }
    if (position !== undefined) seen.push(position)
  })
  await once(ws, "open")
  const position = await change(nodes[1])
  await until(() => seen.includes(position))
  expect(seen).toEqual(from(1, Math.max(position, seen.at(-1)!)))
  ws.close()
  await once(ws, "close")
  const refused = async (socket: WebSocket) => {
    const [, response] = (await once(socket, "unexpected-response")) as [unknown, IncomingMessage]
    response.resume()
    return response.statusCode
  }
  expect(await refused(open("nowhere.test"))).toBe(404)
  expect(await refused(open("localhost", "wrong"))).toBe(401)
  expect(await refused(open("localhost", shared.ADMIN_TOKEN, "/api/v1/events"))).toBe(404)
})

test("A subscriber sees each event once and in order, whichever node wrote it and whichever it reads from", async () => {
  const begun = await change(nodes[0])
  const both = await Promise.all(nodes.map((node) => stream(node, `?from=${begun}`)))
  const written = await Promise.all(from(1, 40).map((round) => change(nodes[round % 2]!)))
  const last = Math.max(...written)
  await until(() => both.every(({ lastId }) => Number(lastId) >= last))
  for (const { received } of both) expect(positions(received)).toEqual(from(begun, last))
  await Promise.all(both.map((one) => one.leave()))
})

test("A Redis that is killed and comes back leaves subscriptions open, without a gap or a repeat", async () => {
  const begun = await change(nodes[0])
  const [tail, catching] = await Promise.all([stream(nodes[0]), stream(nodes[1], "?from=1")])
  await redis.kill()
  await redis.restart()
  const position = await until201(nodes[0])
  await until(() => [tail, catching].every(({ lastId }) => Number(lastId) >= position))
  expect(positions(tail.received)).toEqual(from(begun + 1, position))
  expect(positions(catching.received)).toEqual(from(1, position))
  await Promise.all([tail.leave(), catching.leave()])
})

/** Redis is back for a node some time after it is back. */
async function until201(node: Node): Promise<number> {
  for (;;) {
    const name = `after${++made}`
    const answer = await node
      .api("POST", "/api/v1/instances", { name, target_url: "http://127.0.0.1:1" }, { "idempotency-key": name })
      .catch(() => undefined)
    if (answer?.status === 201) return Number(answer.headers.get("x-event-position"))
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

test("A node that stops ends its streams at once; a client goes on at the other where it was", async () => {
  const events = await stream(nodes[1], "?from=1")
  await until(() => events.received.length > 0)
  const stopped = nodes[1].stop()
  await events.ended
  expect(await stopped).toBe(0)
  const position = await change(nodes[0])
  const rest = await stream(nodes[0], "", { "last-event-id": events.lastId })
  await until(() => rest.lastId === String(position))
  expect([...positions(events.received), ...positions(rest.received)]).toEqual(from(1, position))
  await rest.leave()
})
