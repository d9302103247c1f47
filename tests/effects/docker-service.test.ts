import { describe, expect, test, vi } from "vitest"
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { once } from "node:events"
import { until } from "./acme-site.ts"
import {
  dockerEngine,
  folder,
  firstPort,
  engine,
  start,
  service,
  create,
  reaches,
  ask,
  containers,
} from "./docker-node.ts"

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 })

dockerEngine()

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
