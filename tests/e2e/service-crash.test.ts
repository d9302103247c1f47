import { type ContainerEngine, makeWebImage, startContainerEngine } from "../support/container-engine.ts"
import { type Installation, type Node, eventually, installation, startNode } from "../support/gatehouse.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type Service, type ServiceEvent, evolveService } from "../../src/events/service.ts"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest"
import { freePortRange } from "../support/ports.ts"
import { once } from "node:events"

/** Kills at each point, in a run of everything; `just test-crash-points` makes it 20. */
const passes = Number(process.env["CRASH_PASSES"] ?? "1")
vi.setConfig({ testTimeout: 90_000 + passes * 30_000, hookTimeout: 120_000 })

const base = "/api/v1/services"
const firstPort = freePortRange()
let engine: ContainerEngine
let redis: RedisServer
let shared: Installation
const nodes: Node[] = []

beforeAll(async () => {
  engine = await startContainerEngine()
  await makeWebImage(engine, "gatehouse/test-web:1", "one")
})
afterAll(async () => {
  await engine?.stop()
})
beforeEach(async () => {
  redis = await redisServer()
  shared = installation(redis.url)
})
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.stop()
  await redis.stop()
  for (const id of (await engine.docker("ps", "-aq")).split("\n").filter(Boolean)) await engine.docker("rm", "-f", id)
})

async function start(more: Record<string, string> = {}): Promise<Node> {
  const range = `${firstPort}-${firstPort + passes + 10}`
  // A dead process renews nothing: its leases have run out.
  await redis.command("DEL {gh}:lease:decider {gh}:lease:effects:docker")
  const settings = { DOCKER_HOST: engine.host, SERVICE_PORT_RANGE: range, LEASE_TTL: "15" }
  const node = await startNode(shared, { ...settings, ...more }, 60_000)
  nodes.push(node)
  return node
}

/** Starts Gatehouse again and again, has it do something, and sees it die at that point each time. */
async function die(point: string, act: (node: Node, pass: number) => Promise<unknown>): Promise<void> {
  for (let pass = 1; pass <= passes; pass += 1) {
    // What is owed from the pass before may be enough to die of, even before it answers.
    const node = await start({ CRASH_AT: point }).catch((error: Error) => {
      if (!error.message.includes("ended at its start")) throw error
    })
    if (node === undefined) continue
    const died = node.child.signalCode === null ? once(node.child, "exit") : undefined
    await act(node, pass).catch((error: unknown) => {
      if (!(error instanceof TypeError)) throw error
    })
    await died
    expect(node.child.signalCode, node.log().slice(-2000)).toBe("SIGKILL")
    nodes.pop()
  }
}

const create = (node: Node, pass: number) =>
  node.api("POST", base, { service_name: `s${pass}`, image: "gatehouse/test-web:1" })

/** Waits until nothing is owed any more, and checks that records, engine and ports agree. @returns the services */
async function settled(node: Node, status: string): Promise<readonly Service[]> {
  const states = await eventually(
    `all ${status}`,
    async () => {
      const found = await recorded(node)
      return [...found.values()].every((state) => state.status === status && state.ports.length === 1) && found
    },
    60_000,
  )
  const services = [...states.values()]
  const there = await engine.docker("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.State}}")
  expect(there.split("\n").filter(Boolean).sort()).toEqual(
    services.map(({ serving }) => `${serving!.container_id} running`).sort(),
  )
  expect(services.map(({ ports }) => ports)).toEqual(services.map(({ serving }) => [serving!.port]))
  expect(new Set(services.flatMap(({ ports }) => ports)).size).toBe(services.length)
  for (const { serving } of services)
    expect(await (await fetch(`http://127.0.0.1:${serving!.port}/`)).text()).toBe("one")
  const { body } = await node.api("POST", `${base}/cleanup?dry_run=true`)
  expect(body).toMatchObject({ orphaned_containers: [], orphaned_ports: [], missing_containers: [] })
  return services
}

interface Listed {
  readonly events: readonly { aggregate: string; type: string; at: string; data: object }[]
  readonly pagination: { readonly pages: number }
}

/** Services as the log has them. */
async function recorded(node: Node): Promise<ReadonlyMap<string, Service>> {
  const services = new Map<string, Service>()
  for (let page = 1, pages = 1; page <= pages; page += 1) {
    const { body } = await node.api<Listed>(
      "GET",
      `/api/v1/events?aggregate=service&order=asc&per_page=100&page=${page}`,
    )
    pages = body.pagination.pages
    for (const { aggregate, type, at, data } of body.events) {
      const id = aggregate.slice("service/".length)
      const state = evolveService(services.get(id), { type, data } as ServiceEvent, at)
      if (state === undefined) services.delete(id)
      else services.set(id, state)
    }
  }
  return services
}

describe(`Gatehouse killed ${passes} times`, () => {
  test.each(["docker.portReserved", "docker.created", "docker.started", "docker.startRecorded"])(
    "at %s while services are created: each has one container at one port",
    async (point) => {
      await die(point, create)
      const services = await settled(await start(), "running")
      expect(services.length).toBeGreaterThan(0)
    },
  )

  test.each(["docker.removed", "docker.removeRecorded"])(
    "at %s while services are deleted: nothing is left, and no port is lost",
    async (point) => {
      const first = await start()
      for (let pass = 1; pass <= passes; pass += 1) await create(first, pass)
      await settled(first, "running")
      await nodes.pop()!.stop()
      await die(point, (node, pass) => node.api("DELETE", `${base}/s${pass}?force=true`))
      const node = await start()
      await eventually("they are gone", async () => (await recorded(node)).size === 0, 60_000)
      expect(await engine.docker("ps", "-aq")).toBe("")
      await create(node, 1)
      expect((await settled(node, "running"))[0]!.ports).toEqual([firstPort])
    },
  )

  test.each(["docker.created", "docker.removed"])(
    "at %s while a service is updated: it ends with the last settings, in one container at one port",
    async (point) => {
      const first = await start()
      await create(first, 0)
      await settled(first, "running")
      await nodes.pop()!.stop()
      let asked = 0
      await die(point, async (node, pass) => {
        await node.api("PUT", `${base}/s0`, { pids_limit: 100 + pass })
        asked = 100 + pass
      })
      const [service] = await settled(await start(), "running")
      expect(service!.pids_limit).toBeGreaterThanOrEqual(asked)
      expect(service!.serving!.revision).toBe(service!.revision)
    },
  )
})
