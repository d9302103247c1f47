import { describe, expect, test } from "vitest"
import { dockerSite } from "./docker-site.ts"
import { eventually } from "../support/gatehouse.ts"
import { until } from "./acme-site.ts"

const site = dockerSite()
const inspect = async (format: string) =>
  (await site.engine.docker("inspect", "--format", format, site.service()!.serving!.container_id)).trim()

describe("a service that does not come up", () => {
  test("is tried eight times, each time after a longer wait, and again when it is asked for", async () => {
    await site.create({ command: ["/bin/sh", "-c", "exit 7"] })
    const waits: number[] = []
    for (let attempt = 1; attempt < 8; attempt += 1) {
      await until(`attempt ${attempt}`, () => site.service()!.attempt === attempt, site.node, 20_000)
      const due = Date.parse(site.service()!.next_attempt_at!)
      // It is recorded a moment after it was reckoned.
      waits.push(Math.ceil((due - Date.parse(site.service()!.updated_at)) / 1000))
      expect(site.service()!.status).not.toBe("failed")
      site.node.clock.offset += due - (Date.now() + site.node.clock.offset) + 1
    }
    await site.reaches("failed")
    expect(waits).toEqual([1, 2, 5, 15, 60, 120, 300])
    expect(site.service()!).toMatchObject({ attempt: 8, next_attempt_at: null, serving: null })
    expect(site.service()!.last_error).toEqual({
      code: "docker_refused",
      detail: "the container ended with exit code 7",
    })

    await site.node.execute("StartService", { service_name: "web" })
    await until("it is tried again", () => site.service()!.attempt > 0, site.node)
    expect(site.service()!.attempt).toBeLessThan(8)
    site.node.clock.offset = 0
  })
})

describe("a service", () => {
  test("with a health check runs once that succeeds, and shows how it goes on", async () => {
    const command = ["/bin/sh", "-c", "[ -e /tmp/well ]"]
    await site.create({ healthcheck: { command, interval: 1, timeout: 5, retries: 3 } })
    await until("it is looked at", () => site.service()?.container != null, site.node, 20_000)
    const id = site.service()!.container!.container_id
    const inside = async (...words: string[]) =>
      eventually("it is up", async () => site.engine.docker("exec", id, ...words).then(() => true), 20_000)
    await inside("touch", "/tmp/well")
    await site.reaches("running")
    expect(site.service()!.health).toBe("healthy")
    await inside("rm", "/tmp/well")
    await until("it is ill", () => site.service()!.health === "unhealthy", site.node, 30_000)
    expect([site.service()!.status, await site.ask()]).toEqual(["running", "one"])
    await inside("touch", "/tmp/well")
    await until("it is well", () => site.service()!.health === "healthy", site.node, 30_000)
  })

  test("that is not exposed runs, with no port of this machine", async () => {
    await site.create({ expose: false })
    await site.reaches("running")
    expect(site.service()!).toMatchObject({ ports: [], serving: { port: null, internal_port: 8080 } })
    expect(await inspect("{{json .NetworkSettings.Ports}}")).not.toContain("HostPort")
  })
})
