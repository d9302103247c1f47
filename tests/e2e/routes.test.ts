import { type Node, eventually, installation, startNode } from "../support/gatehouse.ts"
import { type Recorder, recorder } from "../support/recorder.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, beforeAll, expect, it } from "vitest"
import { rawExchange } from "../support/raw-client.ts"

let redis: RedisServer
let node: Node
let main: Recorder
let side: Recorder

beforeAll(async () => {
  redis = await redisServer()
  main = await recorder()
  side = await recorder()
  node = await startNode(installation(redis.url))
  const target_url = `http://127.0.0.1:${main.port}`
  await node.api("POST", "/api/v1/proxy/targets", {
    hostname: "app.test",
    target_url,
    enable_https: false,
  })
})
afterAll(async () => {
  await node?.stop()
  await Promise.all([main?.close(), side?.close(), redis?.stop()])
})

const ask = (path: string) =>
  rawExchange(node.httpPort, `GET ${path} HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n`)
const create = async (path: string, body: object) => {
  const { status, body: made } = await node.api<{ route_id: string }>(...(["POST", path, body] as const))
  expect(status, JSON.stringify(made)).toBe(201)
  return made
}

it("a route works from its answer on, and an instance moves it while it runs", async () => {
  expect(await ask("/side/x")).toContain("200 OK")
  expect(main.requests).toHaveLength(1)
  await create("/api/v1/instances", { name: "side", target_url: `127.0.0.1:${side.port}` })
  await create("/api/v1/routes", { path_pattern: "/side", target_type: "instance", target_value: "side" })
  // The answer came from the API of the node that also routes: what it has told, it does.
  expect(await ask("/side/x")).toContain("200 OK")
  expect(side.requests.map(({ line }) => line)).toEqual(["GET /side/x HTTP/1.1"])
  await node.api("PUT", "/api/v1/instances/side", { target_url: `127.0.0.1:${main.port}`, name: "moved" })
  await ask("/side/y")
  expect([main.requests.length, side.requests.length]).toEqual([2, 1])
})

it("a route leads neither to Gatehouse's own listeners nor to its store", async () => {
  const port = Number(new URL(redis.url).port)
  for (const target of [
    { target_type: "port", target_value: node.apiPort },
    { target_type: "port", target_value: port },
    { target_type: "url", target_value: `127.0.0.1:${node.httpPort}` },
  ]) {
    const { status, body } = await node.api<{ code: string }>("POST", "/api/v1/routes", {
      path_pattern: "/own",
      ...target,
    })
    expect([status, body.code]).toEqual([422, "forbidden_target"])
  }
  // What may be registered because it is the authorization server's own name is still not dialled.
  await create("/api/v1/instances", { name: "auth", target_url: `https://auth.localhost:${node.httpsPort}` })
  await create("/api/v1/routes", { path_pattern: "/auth", target_type: "instance", target_value: "auth" })
  expect(await ask("/auth")).toMatch(/^HTTP\/1\.1 502 /)
})

it("routes are there again after a restart, from the log alone", async () => {
  await node.api("PUT", "/api/v1/instances/moved", { target_url: `127.0.0.1:${side.port}` })
  await node.stop()
  node = await startNode({ REDIS_URL: redis.url, MASTER_KEY: node.env["MASTER_KEY"]!, ADMIN_TOKEN: node.adminToken })
  const before = side.requests.length
  await eventually("the route", async () => (await ask("/side/z")).includes("200 OK"))
  expect(side.requests.length).toBeGreaterThan(before)
})
