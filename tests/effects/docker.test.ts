import { type ContainerEngine, makeWebImage, startContainerEngine } from "../support/container-engine.ts"
import { type EffectNode, effectNode } from "./effect-node.ts"
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { createServer } from "node:net"
import { find } from "../../src/events/world.ts"
import { join } from "node:path"
import { once } from "node:events"
import { randomBytes } from "node:crypto"
import { spawn } from "node:child_process"
import { tmpdir } from "node:os"
import { until } from "./acme-site.ts"

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 })

const folder = mkdtempSync(join(tmpdir(), "gatehouse-docker-"))
const masterKey = randomBytes(32)
const firstPort = 12_000 + (process.pid % 400) * 40
let engine: ContainerEngine
let redis: RedisServer
const nodes: EffectNode[] = []

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

const env = () => ({
  DOCKER_HOST: engine.host,
  DOCKER_TIMEOUT: "5",
  SERVICE_PORT_RANGE: `${firstPort}-${firstPort + 39}`,
  SERVICE_BUILD_DIR: join(folder, "builds"),
})

/** A node on a log of its own. @param effects also works on services */
async function start(effects = true): Promise<EffectNode> {
  redis = await redisServer()
  const node = await effectNode({ redisUrl: redis.url, masterKey, env: env() })
  nodes.push(node)
  if (effects) node.startEffects()
  return node
}

const service = (node: EffectNode, name = "web") => find(node.world, "service", name)
const create = (node: EffectNode, more: object = {}) =>
  node.execute("CreateService", { service_name: "web", image: "gatehouse/test-web:1", environment: [], ...more })
const reaches = (node: EffectNode, status: string, name = "web", waitMs = 20_000) =>
  until(`${name} is ${status}`, () => (service(node, name)?.status ?? "gone") === status, node, waitMs)
const ask = async (node: EffectNode, path = "/") =>
  (await fetch(`http://127.0.0.1:${service(node)!.serving!.port}${path}`)).text()

interface Listed {
  readonly Names: string
  readonly State: string
  readonly ID: string
}
const containers = async (): Promise<Listed[]> =>
  (await engine.docker("ps", "-a", "--no-trunc", "--format", "{{json .}}"))
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Listed)

describe("a service", () => {
  test("is a container with what it was given, and with nothing more", async () => {
    const node = await start()
    const environment = [{ name: "SECRET", value_ref: "env-1" }]
    await node.execute(
      "CreateService",
      {
        service_name: "web",
        image: "gatehouse/test-web:1",
        environment,
        labels: { team: "a" },
        volumes: { data: "/data" },
        memory_limit: "64m",
      },
      { "env-1": "s3cret" },
    )
    await reaches(node, "running")
    expect(await ask(node)).toBe("one")
    expect(await ask(node, "/cgi-bin/env")).toContain("SECRET=s3cret")
    expect(node.history("web", "service")).toEqual([
      "ServiceCreated",
      "ServiceWorkStarted",
      "ServiceContainerCreated",
      "ServiceStarted",
    ])
    const [listed] = await containers()
    const [inspected] = JSON.parse(await engine.docker("inspect", listed!.ID)) as [
      { HostConfig: Record<string, unknown>; Config: { Labels: Record<string, string> } },
    ]
    expect(inspected.HostConfig).toMatchObject({
      Privileged: false,
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges:true"],
      Memory: 64 * 2 ** 20,
      MemorySwap: 64 * 2 ** 20,
      NanoCpus: 1e9,
      PidsLimit: 256,
      NetworkMode: "proxy_network",
      PidMode: "",
      Binds: null,
      Devices: null,
      PortBindings: { "8080/tcp": [{ HostIp: "127.0.0.1", HostPort: String(service(node)!.serving!.port) }] },
    })
    expect(inspected.Config.Labels).toMatchObject({ team: "a", "gatehouse.service": "web", "gatehouse.owner": "admin" })

    await fetch(`http://127.0.0.1:${service(node)!.serving!.port}/found-in-the-log`)
    const lines = await node.engine.logs("web", { lines: 50, timestamps: false, since: undefined })
    expect(lines.join("\n")).toContain("response:404")
    const stats = await node.engine.stats("web")
    expect(stats).toMatchObject({ memory_limit: 64 * 2 ** 20 })
    expect(stats.memory_usage).toBeGreaterThan(0)
    const ended = new AbortController()
    const followed = await node.engine.follow("web", { lines: 1, timestamps: true, since: undefined }, ended.signal)
    const iterator = followed[Symbol.asyncIterator]()
    expect((await iterator.next()).value).toMatch(/^\d{4}-\d\d-\d\dT/)
    const next = iterator.next()
    await ask(node)
    expect((await next).value).toContain("200")
    ended.abort()
    for (let over = false; !over;) over = (await iterator.next()).done === true

    await node.execute("DeleteService", { service_name: "web", force: true })
    await reaches(node, "gone")
    expect(await containers()).toEqual([])
    expect(await engine.docker("volume", "ls", "-q")).toBe("")
    expect(await node.store.secret("env-1")).toBeUndefined()
  })

  test("stops, starts and restarts in its container and at its port", async () => {
    const node = await start()
    await create(node)
    await reaches(node, "running")
    const { container_id, port } = service(node)!.serving!
    await node.execute("StopService", { service_name: "web", grace: 1 })
    await reaches(node, "stopped")
    expect((await containers()).map(({ State }) => State)).toEqual(["exited"])
    await expect(node.engine.stats("web")).rejects.toMatchObject({ code: "invalid_state" })
    await node.execute("StartService", { service_name: "web" })
    await reaches(node, "running")
    await node.execute("RestartService", { service_name: "web", grace: 1 })
    await reaches(node, "running")
    expect(service(node)!.serving).toMatchObject({ container_id, port })
    expect(await ask(node)).toBe("one")
  })

  test("is replaced by a container that works before the old one goes; the old port goes back", async () => {
    const node = await start()
    await create(node)
    await reaches(node, "running")
    const before = service(node)!.serving!
    await node.execute("UpdateService", { service_name: "web", changes: { image: "gatehouse/test-web:2" } })
    expect(service(node)!).toMatchObject({ status: "updating", serving: before })
    await reaches(node, "running")
    expect(await ask(node)).toBe("two")
    await until("one port", () => service(node)!.ports.length === 1, node)
    expect(service(node)!.ports).toEqual([service(node)!.serving!.port])
    expect((await containers()).map(({ ID }) => ID)).toEqual([service(node)!.serving!.container_id])
  })

  test("keeps what it has when new settings do not run", async () => {
    const node = await start()
    await create(node)
    await reaches(node, "running")
    const before = service(node)!.serving!
    for (const changes of [
      { command: ["/bin/sh", "-c", "exit 3"] },
      { command: null, image: "gatehouse/nowhere:1" },
      {
        image: "gatehouse/test-web:1",
        command: ["/bin/sleep", "60"],
        healthcheck: { command: ["/bin/sh", "-c", "exit 1"], interval: 1, timeout: 1, retries: 1 },
      },
    ]) {
      await node.execute("UpdateService", { service_name: "web", changes })
      await reaches(node, "running")
      expect(service(node)!.serving).toEqual(before)
      expect(service(node)!.last_error?.code).toMatch(/^docker_/)
    }
    expect(await ask(node)).toBe("one")
    expect(await containers()).toHaveLength(1)
  })

  test("with a port of its own has that one again after an update", async () => {
    const node = await start()
    const external_port = firstPort + 100
    await create(node, { external_port })
    await reaches(node, "running")
    expect(service(node)!.serving!.port).toBe(external_port)
    await node.execute("UpdateService", { service_name: "web", changes: { image: "gatehouse/test-web:2" } })
    await until(
      "the port",
      () =>
        service(node)!.serving?.port === external_port &&
        service(node)!.serving?.revision === 2 &&
        service(node)!.ports.length === 1,
      node,
      30_000,
    )
    expect(await ask(node)).toBe("two")
    expect(await containers()).toHaveLength(1)
  })

  test("takes another port when something else on the machine has the one that was meant for it", async () => {
    const other = createServer().listen(firstPort, "127.0.0.1")
    await once(other, "listening")
    const node = await start()
    await create(node)
    await reaches(node, "running")
    other.close()
    expect(service(node)!.serving!.port).toBe(firstPort + 1)
    await until("one port", () => service(node)!.ports.length === 1, node)
    expect(await ask(node)).toBe("one")
  })

  test("that ends by itself is shown as crashed and comes back; one that never lives fails in the end", async () => {
    const node = await start()
    await create(node)
    await reaches(node, "running")
    await ask(node, "/cgi-bin/fail").catch(() => undefined)
    await reaches(node, "crashed")
    expect(service(node)!.serving).toBeNull()
    await reaches(node, "running")
    expect(await ask(node)).toBe("one")
    await node.execute("CreateService", {
      service_name: "dead",
      image: "gatehouse/test-web:1",
      command: ["/bin/nothing"],
      environment: [],
    })
    await reaches(node, "failed", "dead")
    expect(service(node, "dead")!.last_error).toMatchObject({ code: "docker_permanent" })
    await node.execute("CreateService", {
      service_name: "loop",
      image: "gatehouse/test-web:1",
      command: ["/bin/sh", "-c", "exit 7"],
      environment: [],
    })
    await until("a second attempt", () => service(node, "loop")!.attempt >= 2, node)
    expect(service(node, "loop")!.last_error!.detail).toContain("exit code 7")
  })

  test("whose container somebody removed is made again; one that was stopped stays so", async () => {
    const node = await start()
    await create(node)
    await reaches(node, "running")
    const before = service(node)!.serving!.container_id
    await engine.docker("rm", "-f", before)
    await until(
      "another container",
      () => service(node)!.status === "running" && service(node)!.serving?.container_id !== before,
      node,
      20_000,
    )
    await node.execute("StopService", { service_name: "web", grace: 1 })
    await reaches(node, "stopped")
    await engine.docker("start", service(node)!.container!.container_id)
    const stopped = async () => (await containers())[0]!.State === "exited"
    for (const end = Date.now() + 15_000; !(await stopped());)
      if (Date.now() > end) throw new Error("it went on running")
  })
})

describe("a Dockerfile", () => {
  test("is built, with nothing of what lies outside or behind links", async () => {
    const place = join(folder, "builds/web")
    mkdirSync(place, { recursive: true })
    writeFileSync(
      join(place, "Dockerfile"),
      "FROM gatehouse/test-web:1\nARG WHAT=nothing\nRUN echo built $WHAT > /www/index.html\nCOPY note /www/note\n",
    )
    writeFileSync(join(place, "note"), "a note")
    const node = await start()
    await create(node, { image: null, dockerfile_path: "web/Dockerfile", build_args: { WHAT: "here" } })
    await reaches(node, "running")
    expect([await ask(node), await ask(node, "/note")]).toEqual(["built here\n", "a note"])
    expect(node.history("web", "service")[1]).toBe("ServiceWorkStarted")
    symlinkSync("/etc", join(place, "etc"))
    await node.execute("CreateService", { service_name: "out", dockerfile_path: "web/Dockerfile", environment: [] })
    await reaches(node, "failed", "out")
    expect(service(node, "out")!.last_error!.detail).toContain("neither a file nor a folder")
    await node.execute("CreateService", { service_name: "link", dockerfile_path: "web/etc/passwd", environment: [] })
    await reaches(node, "failed", "link")
    for (const name of ["web", "out", "link"]) await node.execute("DeleteService", { service_name: name, force: true })
    for (const name of ["web", "out", "link"]) await reaches(node, "gone", name)
    expect(await engine.docker("images", "-q", "--filter", "label=gatehouse.service")).toBe("")
  })
})

describe("after a crash", () => {
  /** Runs another node's effects in a process of its own until it dies at a crash point. */
  async function crash(point: string): Promise<void> {
    const setup = { redisUrl: redis.url, masterKey: masterKey.toString("base64"), env: env(), point, parent: folder }
    const child = spawn(process.execPath, [join(import.meta.dirname, "crashing-node.ts")], {
      env: { ...process.env, CRASHING_NODE: JSON.stringify(setup) },
      stdio: ["ignore", "ignore", "inherit"],
    })
    const [, signal] = (await once(child, "exit")) as [number | null, string | null]
    expect(signal).toBe("SIGKILL")
  }

  test.each(["docker.portReserved", "docker.created", "docker.started", "docker.startRecorded"])(
    "at %s another node goes on, to one container at one port",
    async (point) => {
      const node = await start(false)
      await create(node)
      await crash(point)
      node.startEffects()
      await reaches(node, "running")
      expect(await ask(node)).toBe("one")
      expect((await containers()).map(({ ID, State }) => [ID, State])).toEqual([
        [service(node)!.serving!.container_id, "running"],
      ])
      expect(service(node)!.ports).toEqual([service(node)!.serving!.port])
    },
  )

  test.each(["docker.removed", "docker.removeRecorded"])("at %s another node leaves nothing behind", async (point) => {
    const node = await start(false)
    const before = node.startEffects()
    await create(node)
    await reaches(node, "running")
    await before.stop()
    await node.execute("DeleteService", { service_name: "web", force: true })
    await crash(point)
    node.startEffects()
    await reaches(node, "gone")
    expect(await containers()).toEqual([])
  })
})

describe("containers of others", () => {
  test("are neither touched nor listed, also by name; orphans of our own go on request alone", async () => {
    const node = await start()
    await engine.docker("network", "create", "elsewhere")
    await engine.docker(
      "run",
      "-d",
      "--network",
      "elsewhere",
      "--name",
      "foreign",
      "--label",
      "gatehouse.installation=another",
      "--label",
      "gatehouse.service=web",
      "gatehouse/test-web:1",
    )
    await create(node)
    await reaches(node, "running")
    const { ID, Names } = (await containers()).find(({ Names }) => Names !== "foreign")!
    const [{ Config }] = JSON.parse(await engine.docker("inspect", ID)) as [
      { Config: { Labels: Record<string, string> } },
    ]
    const labels = Object.entries({ ...Config.Labels, "gatehouse.service": "forgotten" }).flatMap(([name, value]) => [
      "--label",
      `${name}=${value}`,
    ])
    await engine.docker("run", "-d", "--network", "elsewhere", "--name", "orphan", ...labels, "gatehouse/test-web:1")
    const orphans = await node.engine.unrecorded()
    expect(orphans.map(({ service }) => service)).toEqual(["forgotten"])
    expect(await node.engine.removeUnrecorded(ID)).toBe(false)
    expect(await node.engine.removeUnrecorded(orphans[0]!.container_id)).toBe(true)

    // A foreign container has the name that the next one of ours would get.
    await engine.docker(
      "run",
      "-d",
      "--network",
      "elsewhere",
      "--name",
      Names.replace(".1.", ".2.").replace(`.${firstPort}`, `.${firstPort + 1}`),
      "gatehouse/test-web:1",
    )
    await node.execute("UpdateService", { service_name: "web", changes: { memory_limit: "64m" } })
    await reaches(node, "running")
    expect(service(node)!.last_error!.detail).toContain("not ours")
    await node.execute("DeleteService", { service_name: "web", force: true })
    await reaches(node, "gone")
    expect(
      (await containers())
        .map(({ Names, State }) => [Names.startsWith("web.") ? "web" : Names, State])
        .sort((a, b) => (String(a) < String(b) ? -1 : 1)),
    ).toEqual([
      ["foreign", "running"],
      ["web", "running"],
    ])
  })
})

describe("an engine that is away", () => {
  test("while services are created: all of them run once it is back, once each", async () => {
    const node = await start()
    await Promise.all(["a", "b", "c"].map((service_name) => create(node, { service_name })))
    await reaches(node, "running", "a")
    await engine.restart()
    for (const name of ["a", "b", "c"]) await reaches(node, "running", name, 40_000)
    const names = (await containers()).map(({ Names }) => Names.split(".")[0]!).sort((a, b) => (a < b ? -1 : 1))
    expect(names).toEqual(["a", "b", "c"])
  })

  test("makes states unknown after a while, and questions 503; nothing else is disturbed", async () => {
    const node = await start()
    await create(node)
    await reaches(node, "running")
    process.kill(engine.pid, "SIGSTOP")
    try {
      await expect(node.engine.logs("web", { lines: 1, timestamps: false, since: undefined })).rejects.toMatchObject({
        code: "docker_unavailable",
      })
      expect(service(node)!.status).toBe("running")
    } finally {
      process.kill(engine.pid, "SIGCONT")
    }
    chmodSync(engine.host.replace("unix://", ""), 0o600)
  })
})
