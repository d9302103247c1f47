import { describe, expect, test } from "vitest"
import { dockerSite } from "./docker-site.ts"
import { eventually } from "../support/gatehouse.ts"
import { until } from "./acme-site.ts"
import { writeFileSync } from "node:fs"

const site = dockerSite({ listenMs: 3000 })
/** Listens once it is let; each start of the container closes the gate again. */
const gated = ["/bin/sh", "-c", "while [ ! -e /tmp/go ]; do sleep 0.05; done; exec /bin/httpd -f -p 8080 -h /www"]
const id = () => site.service()!.container!.container_id
/** Past the engine, whose `exec` may take as long as the container has to listen. */
const open = () =>
  eventually("the gate is open", async () => {
    const pid = Number(await site.engine.docker("inspect", "--format", "{{.State.Pid}}", id()))
    if (!(pid > 0)) return false
    writeFileSync(`/proc/${pid}/root/tmp/go`, "")
    return true
  })
const history = () => site.node.history("web", "service")
const starts = () => history().filter((type) => type === "ServiceStarted").length

describe("a container that has listened and does not after a restart", () => {
  test("is not shown as running, but made anew", async () => {
    await site.create({ command: gated })
    await until("it is made", () => site.service()?.container != null, site.node, 30_000)
    await open()
    await site.reaches("running")
    expect([site.service()!.heard, starts()]).toEqual([true, 1])
    const container = id()

    // As when an engine that was killed restores it without its network: up, and nobody there.
    await site.engine.docker("restart", "-t", "1", container)
    await until("it was tried", () => (site.service()!.attempt ?? 0) > 0, site.node, 40_000)
    expect(site.service()!).toMatchObject({
      status: "crashed",
      serving: null,
      last_error: { code: "docker_refused", detail: "nothing listens on the service's port" },
    })
    expect(starts()).toBe(1)
    await until("another is made", () => id() !== container, site.node, 20_000)
    await open()
    await site.reaches("running")
    expect([await site.ask(), site.service()!.attempt]).toEqual(["one", 0])
    expect((await site.containers()).map(({ ID }) => ID)).toEqual([id()])
  })
})

describe("a container that has never listened", () => {
  test("runs all the same, also after a restart: what it does is not asked of it by a port", async () => {
    await site.create({ command: ["/bin/sleep", "600"] })
    await site.reaches("running")
    expect(site.service()!.heard).toBe(false)
    await site.engine.docker("restart", "-t", "1", id())
    await until("it was seen", () => history().includes("ServiceCrashed"), site.node, 20_000)
    await site.reaches("running")
    expect(site.service()!.attempt).toBe(0)
  })

  test("that other settings made of one that had is as good", async () => {
    await site.create()
    await site.reaches("running")
    await site.node.execute("StopService", { service_name: "web", grace: 1 })
    await site.reaches("stopped")
    await site.update({ command: ["/bin/sleep", "600"] })
    await site.node.execute("StartService", { service_name: "web" })
    await site.reaches("running")
    expect(site.service()!).toMatchObject({ heard: false, attempt: 0, revision: 2 })
  })
})
