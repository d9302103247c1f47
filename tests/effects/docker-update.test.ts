import { describe, expect, test } from "vitest"
import { createServer } from "node:net"
import { dockerSite } from "./docker-site.ts"
import { once } from "node:events"
import { until } from "./acme-site.ts"

const site = dockerSite()

describe("a service", () => {
  test("is replaced by a container that works before the old one goes; the old port goes back", async () => {
    await site.create()
    await site.reaches("running")
    const before = site.service()!.serving!
    await site.update({ image: "gatehouse/test-web:2" })
    expect(site.service()!).toMatchObject({ status: "updating", serving: before })
    await site.reaches("running")
    expect(await site.ask()).toBe("two")
    await until("one port", () => site.service()!.ports.length === 1, site.node)
    expect(site.service()!.ports).toEqual([site.service()!.serving!.port])
    expect((await site.containers()).map(({ ID }) => ID)).toEqual([site.service()!.serving!.container_id])
  })

  test("keeps what it has when new settings do not run", async () => {
    await site.create()
    await site.reaches("running")
    const before = site.service()!.serving!
    for (const changes of [
      { command: ["/bin/sh", "-c", "exit 3"] },
      { command: null, image: "gatehouse/nowhere:1" },
      {
        image: "gatehouse/test-web:1",
        command: ["/bin/sleep", "60"],
        healthcheck: { command: ["/bin/sh", "-c", "exit 1"], interval: 1, timeout: 1, retries: 1 },
      },
    ]) {
      await site.update(changes)
      await site.reaches("running")
      expect(site.service()!.serving).toEqual(before)
      expect(site.service()!.last_error?.code).toMatch(/^docker_/)
    }
    expect(await site.ask()).toBe("one")
    expect(await site.containers()).toHaveLength(1)
    await until("one port", () => site.service()!.ports.length === 1, site.node)
    expect(site.service()!.ports).toEqual([before.port])
  })

  test("with a port of its own has that one again after an update", async () => {
    const external_port = site.firstPort + 39
    await site.create({ external_port })
    await site.reaches("running")
    expect(site.service()!.serving!.port).toBe(external_port)
    await site.update({ image: "gatehouse/test-web:2" })
    await until(
      "the port",
      () =>
        site.service()!.serving?.port === external_port &&
        site.service()!.serving?.revision === 2 &&
        site.service()!.ports.length === 1,
      site.node,
      30_000,
    )
    expect(await site.ask()).toBe("two")
    expect(await site.containers()).toHaveLength(1)
  })

  test("takes another port when something else on the machine has the one that was meant for it", async () => {
    const other = createServer().listen(site.firstPort, "127.0.0.1")
    await once(other, "listening")
    await site.create()
    await site.reaches("running")
    other.close()
    expect(site.service()!.serving!.port).toBe(site.firstPort + 1)
    await until("one port", () => site.service()!.ports.length === 1, site.node)
    expect(await site.ask()).toBe("one")
  })
})
