import { type Installation, type Node, api, eventually, installation, startNode } from "../support/gatehouse.ts"
import { soonTakenOver } from "../support/gatehouse.ts"
import { afterEach, beforeAll, describe, expect, it } from "vitest"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { Redis } from "ioredis"
import { createServer } from "node:http"
import { get } from "node:http"
import { once } from "node:events"

interface Digest {
  position: number
  hash: string
  kinds: Record<string, string>
}

let redis: RedisServer
let shared: Installation
const running: { stop(): Promise<unknown> }[] = []

async function begin(): Promise<void> {
  redis = await redisServer()
  running.push(redis)
  shared = installation(redis.url)
}

async function node(env: Record<string, string> = {}): Promise<Node> {
  const started = await startNode(shared, env)
  running.push(started)
  return started
}

afterEach(async () => {
  for (const part of running.splice(0).reverse()) await part.stop()
})

const proxy = (name: string, port = 8080) => ({ hostname: `${name}.test`, target_url: `http://127.0.0.1:${port}` })

async function create(on: Node, name: string, port?: number): Promise<number> {
  const answer = await on.api("POST", "/api/v1/proxy/targets", proxy(name, port))
  expect(answer.status, JSON.stringify(answer.body)).toBe(201)
  return Number(answer.headers.get("x-event-position"))
}

const digest = async (on: Node, position = 0) =>
  eventually(`position ${position}`, async () => {
    const answer = await on.api<Digest>("GET", "/api/v1/digest")
    return answer.status === 200 && answer.body.position >= position && answer.body
  })

/** Position after which nothing happens by itself: every certificate is there. */
async function quiet(on: Node): Promise<Digest> {
  await eventually("all certificates are active", async () => {
    const answer = await on.api<{ certificates: { status: string }[] }>("GET", "/api/v1/certificates?per_page=100")
    return answer.body.certificates.every(({ status }) => status === "active")
  })
  return digest(on)
}

/** A request by plain HTTP through the edge. */
function throughEdge(on: Node, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port: on.httpPort, headers: { host }, agent: false }, (answer) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    }).once("error", reject)
  })
}

async function backend(): Promise<number> {
  const server = createServer((_request, response) => response.end("ok")).listen(0, "127.0.0.1")
  await once(server, "listening")
  running.push({ stop: async () => void server.close() })
  return (server.address() as { port: number }).port
}

describe("the log alone", () => {
  it("gives back every projection after all other keys and the local snapshot were deleted", async () => {
    await begin()
    const first = await node()
    for (const name of ["a", "b", "c"]) await create(first, name)
    expect((await first.api("DELETE", "/api/v1/proxy/targets/b.test?delete_certificate=true")).status).toBe(200)
    const before = await quiet(first)
    await first.stop()
    const client = new Redis(redis.url)
    const doomed = (await client.keys("*")).filter((key) => key !== "{gh}:events" && !key.startsWith("{gh}:secret:"))
    expect(doomed).toContain("{gh}:head")
    await client.del(...doomed)
    client.disconnect()
    const second = await node()
    const after = await digest(second, before.position)
    expect(after).toEqual(before)
    expect(await create(second, "d")).toBeGreaterThan(before.position)
  })

  it("starts from a snapshot and folds to the same digests", async () => {
    await begin()
    const first = await node()
    await create(first, "a")
    const before = await quiet(first)
    await first.stop()
    const second = await node()
    expect(await digest(second, before.position)).toEqual(before)
  })
})

describe("two nodes on one Redis", () => {
  it("see each other's writes, agree on every digest, and go on when the deciding one is killed", async () => {
    await begin()
    const [one, two] = [await node(soonTakenOver), await node(soonTakenOver)]
    const position = await create(one, "a")
    const seen = await two.api<{ hostname: string }>("GET", `/api/v1/proxy/targets/a.test?min_position=${position}`)
    expect(seen.status).toBe(200)
    await create(two, "b")
    const before = await quiet(one)
    expect(await digest(two, before.position)).toEqual(before)
    await one.kill()
    const after = await eventually(
      "the survivor decides",
      async () => {
        const answer = await two.api("POST", "/api/v1/proxy/targets", proxy("c"), {
          "idempotency-key": "after the kill",
        })
        return answer.status === 201
      },
      25_000,
    )
    expect(after).toBe(true)
    const list = await two.api<{ targets: { hostname: string }[] }>("GET", "/api/v1/proxy/targets")
    expect(list.body.targets.map(({ hostname }) => hostname)).toEqual(["a.test", "b.test", "c.test"])
  })
})

describe("Redis gone", () => {
  it("leaves the edge serving, refuses writes within two seconds, and recovers by itself", async () => {
    await begin()
    const gate = await node()
    const port = await backend()
    await create(gate, "a", port)
    expect(await throughEdge(gate, "a.test")).toBe(200)
    await redis.kill()
    expect(await throughEdge(gate, "a.test")).toBe(200)
    const asked = performance.now()
    const refused = await gate.api<{ code: string }>("POST", "/api/v1/proxy/targets", proxy("b"), {
      "idempotency-key": "b",
    })
    expect(refused.status).toBe(503)
    expect(refused.body.code).toBe("store_unavailable")
    expect(refused.headers.get("retry-after")).toMatch(/^\d+$/)
    // To the millisecond it is shown where the timers are: tests/platform/redis-event-store.
    expect(performance.now() - asked).toBeLessThan(6000)
    expect((await gate.api("GET", "/api/v1/proxy/targets/a.test")).status).toBe(200)
    expect((await gate.api("GET", "/health")).status).toBe(503)
    await redis.restart()
    await eventually(
      "a write is taken",
      async () =>
        (await gate.api("POST", "/api/v1/proxy/targets", proxy("b"), { "idempotency-key": "b" })).status === 201,
      20_000,
    )
    expect(await throughEdge(gate, "a.test")).toBe(200)
    expect(gate.child.exitCode).toBeNull()
  })

  it("at the start leaves a node with a snapshot serving what it knew", async () => {
    await begin()
    const port = await backend()
    const home = await node().then(async (first) => {
      await create(first, "a", port)
      await quiet(first)
      first.child.kill("SIGTERM")
      await once(first.child, "exit")
      return first
    })
    await redis.kill()
    const again = startNode(
      shared,
      {
        GATEHOUSE_HOME: home.home,
        HTTP_PORT: String(home.httpPort),
        HTTPS_PORT: String(home.httpsPort),
        API_PORT: String(home.apiPort),
      },
      20_000,
    )
    again.catch(() => undefined)
    await eventually(
      "the edge serves from the snapshot",
      async () => (await throughEdge(home, "a.test")) === 200,
      15_000,
    )
    const health = await api<{ status: string }>(home.apiPort, undefined, "GET", "/health")
    expect(health.status).toBe(503)
    await redis.restart()
    running.push(await again)
  })
})

describe("a process that is killed", () => {
  const points = [
    "command.beforeAppend",
    "command.afterAppend",
    "decide.afterLease",
    "commit.before",
    "commit.after",
    "projection.beforeApply",
    "projection.afterApply",
  ]

  /** What Redis holds after a first node has created `a` and was stopped: each of these tests goes on from there. */
  let left: Record<string, { readonly dump: Buffer; readonly ttl: number }>
  let ofFirst: Installation
  beforeAll(async () => {
    await begin()
    const first = await node()
    await create(first, "a")
    await first.stop()
    const client = new Redis(redis.url)
    const kept = async (key: string) => ({ dump: await client.dumpBuffer(key), ttl: await client.pttl(key) })
    const names = await client.keys("*")
    left = Object.fromEntries(await Promise.all(names.map(async (key) => [key, await kept(key)] as const)))
    client.disconnect()
    ofFirst = shared
    await redis.stop()
    running.length = 0
  })

  async function goOn(): Promise<void> {
    await begin()
    shared = { ...ofFirst, REDIS_URL: redis.url }
    const client = new Redis(redis.url)
    for (const [key, { dump, ttl }] of Object.entries(left)) await client.restore(key, Math.max(ttl, 0), dump)
    client.disconnect()
  }

  it.each(points)(
    "at %s loses no acknowledged write and applies none twice",
    async (point) => {
      await goOn()
      const acknowledged = ["a"]
      const count = point === "decide.afterLease" ? point : `${point}#2`
      const doomed = startNode(shared, { ...soonTakenOver, CRASH_AT: count }).catch(() => undefined)
      const crashed = await doomed
      if (crashed !== undefined) {
        running.push(crashed)
        for (const name of ["b", "c", "d"]) {
          const answer = await crashed
            .api("POST", "/api/v1/proxy/targets", proxy(name), { "idempotency-key": name })
            .catch(() => undefined)
          if (answer?.status === 201) acknowledged.push(name)
        }
        await eventually("the process is gone", async () => crashed.child.signalCode === "SIGKILL")
      }
      const second = await node()
      for (const name of acknowledged)
        expect((await second.api("GET", `/api/v1/proxy/targets/${name}.test`)).status, name).toBe(200)
      for (const name of ["b", "c", "d"]) {
        const answer = await eventually(
          name,
          async () => {
            const repeated = await second.api("POST", "/api/v1/proxy/targets", proxy(name), { "idempotency-key": name })
            return repeated.status === 201 && repeated
          },
          25_000,
        )
        expect(Number(answer.headers.get("x-event-position"))).toBeGreaterThan(0)
      }
      const events = await second.api<{ events: { type: string; aggregate: { id: string } }[] }>(
        "GET",
        "/api/v1/events?type=ProxyCreated&per_page=100",
      )
      expect(events.body.events.length).toBe(4)
      const quietly = await quiet(second)
      const third = await node()
      expect(await digest(third, quietly.position)).toEqual(quietly)
    },
    90_000,
  )
})
