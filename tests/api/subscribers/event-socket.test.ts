import { type RunningApi, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, expect, test } from "vitest"
import { WebSocket } from "ws"
import { eventually } from "../../support/gatehouse.ts"
import { once } from "node:events"
import { request } from "node:http"
import { until } from "../../support/until.ts"

let api: RunningApi
let alice: string
beforeAll(async () => {
  api = await runningApi({ env: { EVENT_STREAMS_PER_TOKEN: "2", EVENT_STREAM_STALL: "1" } })
  alice = await api.token("alice")
})
afterAll(() => api.stop())

interface Said {
  readonly checkpoint?: number
  readonly position?: number
  readonly type?: string
}

/** A WebSocket and what it was told. */
function socket(query: string, token: string | undefined, protocols: string[] = [], headers = {}) {
  const ws = new WebSocket(`ws://127.0.0.1:${api.port}/api/v1/events/stream${query}`, protocols, {
    headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
  })
  const said: Said[] = []
  let refused: number | undefined
  ws.on("message", (data: Buffer) => said.push(JSON.parse(data.toString()) as Said))
  ws.on("unexpected-response", (_request, response) => {
    refused = response.statusCode
    response.resume()
    ws.terminate()
  })
  ws.on("error", () => undefined)
  const closed = new Promise<[code: number, reason: string]>((resolve) =>
    ws.on("close", (code, reason) => resolve([code, reason.toString()])),
  )
  return { ws, said, closed, refused: () => refused, events: () => said.filter(({ type }) => type !== undefined) }
}

const head = () => api.projections.world.position
const create = (hostname: string, token = api.adminToken) =>
  api.call(
    "POST",
    "/api/v1/proxy/targets",
    { hostname, target_url: "http://93.184.216.34", enable_https: false },
    {},
    token,
  )

test("A WebSocket gets the log from a position and goes on with what happens, once each and in order", async () => {
  const { ws, said, closed, events } = socket("?from=1", api.adminToken)
  await until(() => events().length >= head())
  await create("a.internal")
  await until(() => events().length >= head())
  expect(said[0]).toEqual({ checkpoint: 0 })
  expect(events().map(({ position }) => position)).toEqual(Array.from({ length: head() }, (_, index) => index + 1))
  await until(() => said.at(-1)?.checkpoint === head())
  ws.close()
  expect((await closed)[0]).toBe(1005)
})

test("A browser offers its token among the subprotocols, which is not sent back", async () => {
  const offer = ["gatehouse.events.v1", `gatehouse.bearer.${Buffer.from(alice).toString("base64url")}`]
  const { ws, closed, events } = socket("?from=1", undefined, offer)
  await until(() => events().length === 1)
  expect([ws.protocol, events()[0]!.type]).toEqual(["gatehouse.events.v1", "TokenCreated"])
  ws.close()
  await closed
})

test.each([
  ["no token", "", undefined, [], {}, 401],
  ["a wrong token", "", "acm_wrong", [], {}, 401],
  ["a wrong token among the subprotocols", "", undefined, ["gatehouse.events.v1", "gatehouse.bearer.eA"], {}, 401],
  ["a token in the address", "?token=x", "admin", [], {}, 422],
  ["a filter that matches nothing", "?type=Nothing", "admin", [], {}, 422],
  ["a page of another site", "", "admin", [], { origin: "https://evil.example" }, 403],
])("With %s the handshake is refused", async (_, query, token, protocols, headers, status) => {
  const tried = socket(query, token === "admin" ? api.adminToken : token, protocols, headers)
  await tried.closed
  expect(tried.refused()).toBe(status)
})

test("A revoked token's sockets are closed with 4401, and a token opens so many and no more", async () => {
  const bob = await api.token("bob")
  const open = [socket("", bob), socket("?from=1", bob)]
  await until(() => open.every(({ said }) => said.length > 0))
  const third = socket("", bob)
  await third.closed
  expect(third.refused()).toBe(429)
  await api.call("DELETE", "/api/v1/tokens/bob")
  expect(await Promise.all(open.map(({ closed }) => closed))).toEqual([
    [4401, "token_revoked"],
    [4401, "token_revoked"],
  ])
})

test("What a client says is not read; too much of it closes the connection", async () => {
  const { ws, closed, said } = socket("", api.adminToken)
  await once(ws, "open")
  ws.send("hello")
  ws.send("x".repeat(2000))
  expect((await closed)[0]).toBe(1009)
  expect(said.every((one) => one.checkpoint !== undefined)).toBe(true)
  await eventually("the place is free again", async () => {
    const both = [socket("", api.adminToken), socket("", api.adminToken)]
    await Promise.race([...both.map(({ closed: end }) => end), once(both[1]!.ws, "open")])
    const free = both.every(({ refused }) => refused() === undefined)
    for (const one of both) one.ws.terminate()
    return free
  })
})

test("A reset in the middle of the handshake and afterwards harms nobody", async () => {
  for (let round = 0; round < 20; round++) {
    const { ws, closed } = socket("?from=1", alice)
    if (round % 2 === 0) setTimeout(() => ws.terminate(), round)
    else ws.on("upgrade", (response) => response.socket.resetAndDestroy())
    await closed
  }
  expect((await api.call("GET", "/api/v1/events")).status).toBe(200)
})

test.each(["/api/v1/events", "/"])("An Upgrade at %s is an ordinary request", async (path) => {
  const headers = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    authorization: `Bearer ${alice}`,
  }
  const asked = request({ port: api.port, path, headers, host: "127.0.0.1" }).end()
  const [answer] = (await once(asked, "response")) as [{ statusCode: number; resume(): void }]
  answer.resume()
  expect(answer.statusCode).toBe(200)
})
