import { describe, expect, test } from "vitest"
import { dockerSite } from "./docker-site.ts"
import { eventually } from "../support/gatehouse.ts"
import { until } from "./acme-site.ts"

const site = dockerSite()

describe("a service", () => {
  test("is a container with what it was given, and with nothing more", async () => {
    const environment = [{ name: "SECRET", value_ref: "env-1" }]
    await site.node.execute(
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
    await site.reaches("running")
    expect(await site.ask()).toBe("one")
    expect(await site.ask("/cgi-bin/env")).toContain("SECRET=s3cret")
    expect(site.node.history("web", "service")).toEqual([
      "ServiceCreated",
      "ServiceWorkStarted",
      "ServiceContainerCreated",
      "ServiceStarted",
    ])
    const [listed] = await site.containers()
    const [inspected] = JSON.parse(await site.engine.docker("inspect", listed!.ID)) as [
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
      PortBindings: { "8080/tcp": [{ HostIp: "127.0.0.1", HostPort: String(site.service()!.serving!.port) }] },
    })
    expect(inspected.Config.Labels).toMatchObject({ team: "a", "gatehouse.service": "web", "gatehouse.owner": "admin" })

    await fetch(`http://127.0.0.1:${site.service()!.serving!.port}/found-in-the-log`)
    // What a container prints goes through two processes before the engine has it.
    await eventually("it is told", async () =>
      (await site.node.engine.logs("web", { lines: 50, timestamps: false, since: undefined }))
        .join("\n")
        .includes("response:404"),
    )
    const stats = await site.node.engine.stats("web")
    expect(stats).toMatchObject({ memory_limit: 64 * 2 ** 20 })
    expect(stats.memory_usage).toBeGreaterThan(0)
    const ended = new AbortController()
    const followed = await site.node.engine.follow(
      "web",
      { lines: 1, timestamps: true, since: undefined },
      ended.signal,
    )
    const iterator = followed[Symbol.asyncIterator]()
    expect((await iterator.next()).value).toMatch(/^\d{4}-\d\d-\d\dT/)
    const next = iterator.next()
    await site.ask()
    expect((await next).value).toContain("200")
    ended.abort()
    for (let over = false; !over;) over = (await iterator.next()).done === true

    await site.remove()
    await site.reaches("gone")
    expect(await site.containers()).toEqual([])
    expect(await site.engine.docker("volume", "ls", "-q")).toBe("")
    expect(await site.node.store.secret("env-1")).toBeUndefined()
  })

  test("stops, starts and restarts in its container and at its port", async () => {
    await site.create()
    await site.reaches("running")
    const { container_id, port } = site.service()!.serving!
    await site.node.execute("StopService", { service_name: "web", grace: 1 })
    await site.reaches("stopped")
    expect((await site.containers()).map(({ State }) => State)).toEqual(["exited"])
    await expect(site.node.engine.stats("web")).rejects.toMatchObject({ code: "invalid_state" })
    await site.node.execute("StartService", { service_name: "web" })
    await site.reaches("running")
    await site.node.execute("RestartService", { service_name: "web", grace: 1 })
    await site.reaches("running")
    expect(site.service()!.serving).toMatchObject({ container_id, port })
    expect(await site.ask()).toBe("one")
  })

  test("that ends by itself is shown as crashed and comes back; one that never lives fails in the end", async () => {
    await site.create()
    await site.reaches("running")
    await site.ask("/cgi-bin/fail").catch(() => undefined)
    await site.reaches("crashed")
    expect(site.service()!.serving).toBeNull()
    await site.reaches("running")
    expect(await site.ask()).toBe("one")
    await site.node.execute("CreateService", {
      service_name: "dead",
      image: "gatehouse/test-web:1",
      command: ["/bin/nothing"],
      environment: [],
    })
    await site.reaches("failed", "dead")
    expect(site.service("dead")!.last_error).toMatchObject({ code: "docker_permanent" })
    await site.node.execute("CreateService", {
      service_name: "loop",
      image: "gatehouse/test-web:1",
      command: ["/bin/sh", "-c", "exit 7"],
      environment: [],
    })
    await until("a second attempt", () => site.service("loop")!.attempt >= 2, site.node)
    expect(site.service("loop")!.last_error!.detail).toContain("exit code 7")
  })

  test("whose container somebody removed is made again; one that was stopped stays so", async () => {
    await site.create()
    await site.reaches("running")
    const before = site.service()!.serving!.container_id
    await site.engine.docker("rm", "-f", before)
    await until(
      "another container",
      () => site.service()!.status === "running" && site.service()!.serving?.container_id !== before,
      site.node,
      20_000,
    )
    await site.node.execute("StopService", { service_name: "web", grace: 1 })
    await site.reaches("stopped")
    await site.engine.docker("start", site.service()!.container!.container_id)
    const stopped = async () => (await site.containers())[0]!.State === "exited"
    for (const end = Date.now() + 30_000; !(await stopped());)
      if (Date.now() > end) throw new Error("it went on running")
  })
})
