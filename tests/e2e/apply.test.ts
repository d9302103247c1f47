import { type Node, eventually, installation, soonTakenOver, startNode } from "../support/gatehouse.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, beforeAll, expect, test } from "vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { tmpdir } from "node:os"

interface Applied {
  readonly create: object[]
  readonly unchanged: number
  readonly errors: object[]
  readonly digest: string
}

let redis: RedisServer
let home: string
const nodes: Node[] = []
beforeAll(async () => {
  redis = await redisServer()
  home = mkdtempSync(join(tmpdir(), "gatehouse-apply-"))
})
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()))
  await redis.stop()
  rmSync(home, { recursive: true, force: true })
})

const target_url = "http://93.184.216.34:3000"
const many = Array.from({ length: 150 }, (_, index) => `host-${String(index).padStart(3, "0")}`)
const document = {
  instances: many.map((name) => ({ name, target_url })),
  proxies: many.map((name) => ({
    hostname: `${name}.internal`,
    target_url: `instance://${name}`,
    enable_https: false,
  })),
  routes: many.map((name) => ({
    route_id: name,
    path_pattern: `/${name}`,
    target_type: "hostname",
    target_value: `${name}.internal`,
  })),
}

test("an apply that is killed half way goes on when it is applied again; another node says the same", async () => {
  const shared = installation(redis.url)
  // The instances are there then, and some of the proxies.
  const first = await startNode(shared, { ...soonTakenOver, GATEHOUSE_HOME: home, CRASH_AT: "commit.before#220" })
  nodes.push(first)
  const cut = first.api("POST", "/api/v1/apply?dry_run=false", document).then(
    () => "answered",
    () => "cut",
  )
  const total = async (node: Node, list: string) =>
    (await node.api<{ pagination: { total: number } }>("GET", `/api/v1/${list}?per_page=1`)).body.pagination.total
  expect(await cut).toBe("cut")
  await eventually("it is killed", async () => first.child.signalCode === "SIGKILL")

  const again = await startNode(shared, { GATEHOUSE_HOME: home })
  const other = await startNode(shared)
  nodes.push(again, other)
  const before = await total(again, "proxy/targets")
  expect(before).toBeGreaterThan(0)
  expect(before).toBeLessThan(many.length)
  const { status, body } = await again.api<Applied>("POST", "/api/v1/apply?dry_run=false", document)
  expect([status, body.errors, body.create.length + body.unchanged]).toEqual([200, [], 3 * many.length])
  const exports = await Promise.all(
    [again, other].map((node) =>
      eventually("the node has seen all", async () => {
        const { body: copy } = await node.api<{ digest: string }>(
          "GET",
          "/api/v1/export?kinds=instances,proxies,routes",
        )
        return copy.digest === body.digest && copy.digest
      }),
    ),
  )
  expect(new Set(exports).size).toBe(1)
  const twice = await other.api<Applied>("POST", "/api/v1/apply?dry_run=false", document)
  expect(twice.body).toMatchObject({ create: [], unchanged: 3 * many.length, errors: [] })
}, 90_000)
