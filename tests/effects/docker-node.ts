import { type ContainerEngine, makeWebImage, startContainerEngine } from "../support/container-engine.ts"
import { type EffectNode, effectNode } from "./effect-node.ts"
import { afterAll, afterEach, beforeAll } from "vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { find } from "../../src/events/world.ts"
import { join } from "node:path"
import { randomBytes } from "node:crypto"
import { tmpdir } from "node:os"
import { until } from "./acme-site.ts"

export const folder = mkdtempSync(join(tmpdir(), "gatehouse-docker-"))
export const masterKey = randomBytes(32)
export const firstPort = 12_000 + (process.pid % 400) * 40
export let engine: ContainerEngine
export let redis: RedisServer
const nodes: EffectNode[] = []

export const env = () => ({
  DOCKER_HOST: engine.host,
  DOCKER_TIMEOUT: "5",
  SERVICE_PORT_RANGE: `${firstPort}-${firstPort + 39}`,
  SERVICE_BUILD_DIR: join(folder, "builds"),
})

/** A node on a log of its own. @param effects also works on services */
export async function start(effects = true): Promise<EffectNode> {
  redis = await redisServer()
  const node = await effectNode({ redisUrl: redis.url, masterKey, env: env() })
  nodes.push(node)
  if (effects) node.startEffects()
  return node
}

export const service = (node: EffectNode, name = "web") => find(node.world, "service", name)

export const create = (node: EffectNode, more: object = {}) =>
  node.execute("CreateService", { service_name: "web", image: "gatehouse/test-web:1", environment: [], ...more })

export const reaches = (node: EffectNode, status: string, name = "web", waitMs = 20_000) =>
  until(`${name} is ${status}`, () => (service(node, name)?.status ?? "gone") === status, node, waitMs)

export const ask = async (node: EffectNode, path = "/") =>
  (await fetch(`http://127.0.0.1:${service(node)!.serving!.port}${path}`)).text()

interface Listed {
  readonly Names: string
  readonly State: string
  readonly ID: string
}

export const containers = async (): Promise<Listed[]> =>
  (await engine.docker("ps", "-a", "--no-trunc", "--format", "{{json .}}"))
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Listed)

/** Starts a container engine before the tests of a file and stops it after; each test leaves nothing behind. */
export function dockerEngine(): void {
  beforeAll(async () => {
    // Containers are reached at published ports alone, and other engines on this machine keep their packet filter.
    engine = await startContainerEngine("--iptables=false", "--bridge=none")
    await makeWebImage(engine, "gatehouse/test-web:1", "one")
    await makeWebImage(engine, "gatehouse/test-web:2", "two")
  })
  afterAll(async () => {
    await engine?.stop()
    rmSync(folder, { recursive: true })
  })
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.stop()
    await redis?.stop()
    for (const id of (await engine.docker("ps", "-aq")).split("\n").filter(Boolean))
      await engine.docker("rm", "-f", "-v", id)
  })
}
