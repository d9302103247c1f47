import { type ContainerEngine, makeWebImage, startContainerEngine } from "../support/container-engine.ts"
import { type EffectNode, type NodeSetup, effectNode } from "./effect-node.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, afterEach, beforeAll } from "vitest"
import { find } from "../../src/events/world.ts"
import { freePortRange } from "../support/ports.ts"
import { join } from "node:path"
import { mkdtempSync, rmSync } from "node:fs"
import { randomBytes } from "node:crypto"
import { tmpdir } from "node:os"
import { until } from "./acme-site.ts"

/** A line of `docker ps`. */
export interface Listed {
  readonly Names: string
  readonly State: string
  readonly ID: string
}

/** An engine, Redis and one node for a test file; each test ends with an engine that has nothing of Gatehouse's any more. */
export interface DockerSite {
  readonly engine: ContainerEngine
  readonly node: EffectNode
  /** Ports from here on belong to services. */
  readonly firstPort: number
  /** Folder that goes with the file; services are built from `builds` in it. */
  readonly folder: string
  /** From now on this node works on services, as from the start. */
  work(): void
  /** And from now on it does not. */
  rest(): Promise<void>
  /** A further node that decides nothing; stopped by the caller. */
  second(): Promise<EffectNode>
  service(name?: string): ReturnType<typeof found>
  create(more?: object): Promise<unknown>
  update(changes: object, more?: object): Promise<unknown>
  remove(name?: string): Promise<unknown>
  reaches(status: string, name?: string, waitMs?: number): Promise<void>
  /** What the service's container answers at its port. */
  ask(path?: string, name?: string): Promise<string>
  /** All containers of the engine. */
  containers(): Promise<Listed[]>
}

const found = (node: EffectNode, name: string) => find(node.world, "service", name)

/**
 * Sets up and tears down with the test file that calls it.
 * @param dockerParts waiting times other than those of most tests
 * @param timeout seconds that a call of the engine may take
 */
export function dockerSite(dockerParts: NonNullable<NodeSetup["dockerParts"]> = {}, timeout = 20): DockerSite {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-docker-"))
  const masterKey = randomBytes(32)
  const firstPort = freePortRange()
  let engine: ContainerEngine
  let redis: RedisServer
  let node: EffectNode
  let effects: { stop(): Promise<void> } | undefined
  const setup = () => ({
    redisUrl: redis.url,
    masterKey,
    dockerParts,
    env: {
      DOCKER_HOST: engine.host,
      DOCKER_TIMEOUT: String(timeout),
      SERVICE_PORT_RANGE: `${firstPort}-${firstPort + 39}`,
      SERVICE_BUILD_DIR: join(folder, "builds"),
    },
  })

  beforeAll(async () => {
    engine = await startContainerEngine()
    await makeWebImage(engine, "gatehouse/test-web:1", "one")
    await makeWebImage(engine, "gatehouse/test-web:2", "two")
    redis = await redisServer()
    node = await effectNode(setup())
    site.work()
  })
  afterAll(async () => {
    await node?.stop()
    await redis?.stop()
    await engine?.stop()
    rmSync(folder, { recursive: true })
  })
  afterEach(async () => {
    site.work()
    const services = [...node.world.objects.service.values()].map(({ state }) => state)
    for (const { service_name, desired_state } of services)
      if (desired_state !== "removed") await site.remove(service_name)
    await until("everything is gone", () => node.world.objects.service.size === 0, node, 30_000)
    for (const { ID } of await site.containers()) await engine.docker("rm", "-f", "-v", ID)
  })

  const site: DockerSite = {
    folder,
    firstPort,
    get engine() {
      return engine
    },
    get node() {
      return node
    },
    work() {
      // Long enough for a machine that is busy with other tests.
      effects ??= node.startEffects({ leaseTtlMs: 10_000, leaseBeatMs: 1000 })
    },
    async rest() {
      await effects?.stop()
      effects = undefined
    },
    second: () => effectNode({ ...setup(), decides: false }),
    service: (name = "web") => found(node, name),
    create: (more = {}) =>
      node.execute("CreateService", { service_name: "web", image: "gatehouse/test-web:1", environment: [], ...more }),
    update: (changes, more = {}) => node.execute("UpdateService", { service_name: "web", changes, ...more }),
    remove: (service_name = "web") => node.execute("DeleteService", { service_name, force: true }),
    reaches: (status, name = "web", waitMs = 30_000) =>
      until(`${name} is ${status}`, () => (found(node, name)?.status ?? "gone") === status, node, waitMs),
    ask: async (path = "/", name = "web") =>
      (await fetch(`http://127.0.0.1:${found(node, name)!.serving!.port}${path}`)).text(),
    containers: async () =>
      (await engine.docker("ps", "-a", "--no-trunc", "--format", "{{json .}}"))
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Listed),
  }
  return site
}
