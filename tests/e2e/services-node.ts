import { type ContainerEngine, makeWebImage, startContainerEngine } from "../support/container-engine.ts"
import { type Installation, type Node, api, installation, startNode } from "../support/gatehouse.ts"
import { afterAll, beforeAll, expect } from "vitest"
import { freePortRange } from "../support/ports.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"

const firstPort = freePortRange()
export const base = "/api/v1/services"
export let engine: ContainerEngine
export let redis: RedisServer
export let node: Node
export let shared: Installation
export let alice: string

export interface Service {
  readonly status: string
  readonly allocated_port: number
  readonly container_id: string
  readonly environment: string[]
  readonly last_error: { code: string; detail: string } | null
}

export const as = <T>(token: string, method: string, path: string, body?: unknown) =>
  api<T>(node.apiPort, token, method, path, body)

export const running = async (name: string) => {
  const { body } = await node.api<Service>("GET", `${base}/${name}?wait=true&timeout=30`)
  expect(body, JSON.stringify(body.last_error)).toMatchObject({ status: "running" })
  return body
}

/** Starts a container engine, a node that uses it and an owner before the tests of a file, and stops them after. */
export function servicesNode(): void {
  beforeAll(async () => {
    engine = await startContainerEngine()
    await makeWebImage(engine, "gatehouse/test-web:1", "one")
    await makeWebImage(engine, "gatehouse/test-web:2", "two")
    redis = await redisServer()
    shared = installation(redis.url)
    node = await startNode(shared, {
      DOCKER_HOST: engine.host,
      SERVICE_PORT_RANGE: `${firstPort}-${firstPort + 39}`,
      SERVICE_ALLOWED_IMAGES: "gatehouse/test-web",
      BASE_DOMAIN: "services.test",
    })
    alice = (await node.api<{ token: string }>("POST", "/api/v1/tokens", { name: "alice" })).body.token
  })
  afterAll(async () => {
    await node?.stop()
    await redis?.stop()
    for (const id of (await engine?.docker("ps", "-aq"))?.split("\n").filter(Boolean) ?? [])
      await engine.docker("rm", "-f", "-v", id)
    await engine?.stop()
  })
}
