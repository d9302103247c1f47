import { afterEach, describe, expect, test, vi } from "vitest"
import type { EffectNode } from "./effect-node.ts"
import { dockerSite } from "./docker-site.ts"
import { until } from "./acme-site.ts"

const site = dockerSite()
const names = ["a", "b", "c", "d"]
let other: EffectNode | undefined
afterEach(async () => {
  await other?.stop()
  other = undefined
})

/** What the engine has, against what is recorded: each running service one container and one port. */
async function checkAll(): Promise<void> {
  const services = names.flatMap((name) => site.service(name) ?? [])
  const there = (await site.containers()).map(({ ID, State }) => `${ID} ${State}`)
  const expected = services.map(
    ({ container, status }) => `${container!.container_id} ${status === "running" ? status : "exited"}`,
  )
  expect(there.sort()).toEqual(expected.sort())
  for (const { ports, container } of services) expect(ports).toEqual([container!.port])
  expect(new Set(services.flatMap(({ ports }) => ports)).size).toBe(services.length)
}

describe("two nodes", () => {
  test("that both believe they lead make one container of each service, and agree on what it is", async () => {
    other = await site.second()
    const lease = () => Promise.resolve({ held: true, epoch: 0 })
    other.startEffects({ store: { ...other.store, lease, release: () => Promise.resolve() } })
    await Promise.all(names.map((service_name) => site.create({ service_name })))
    for (const name of names) await site.reaches("running", name)
    await checkAll()
    await site.node.execute("UpdateService", { service_name: "a", changes: { image: "gatehouse/test-web:2" } })
    await site.node.execute("StopService", { service_name: "b", grace: 1 })
    await site.node.execute("RestartService", { service_name: "c", grace: 1 })
    await site.remove("d")
    await until(
      "a has one port",
      () => site.service("a")!.status === "running" && site.service("a")!.ports.length === 1,
      site.node,
      30_000,
    )
    await site.reaches("stopped", "b")
    await site.reaches("running", "c")
    await site.reaches("gone", "d")
    expect(await site.ask("/", "a")).toBe("two")
    await until("c answers", () => site.service("c")!.serving !== null, site.node)
    // Either may still be in the middle of its own restart of c, which the other has reported as done.
    await vi.waitFor(checkAll, { timeout: 10_000, interval: 50 })
  })

  test("hand over in the middle of the work", async () => {
    other = await site.second()
    await Promise.all(names.map((service_name) => site.create({ service_name })))
    await until("some work", () => site.node.history("a", "service").includes("ServiceWorkStarted"), site.node)
    await site.rest()
    other.startEffects({ leaseTtlMs: 10_000, leaseBeatMs: 1000 })
    for (const name of names) await site.reaches("running", name)
    await checkAll()
    // The handover back is the end of every test here.
    await other.stop()
    other = undefined
  })
})

describe("a service that is deleted while it is made", () => {
  test("leaves no container, whenever that was", async () => {
    for (const pause of [0, 50, 150, 300, 500, 800]) {
      await site.create()
      await new Promise((resolve) => setTimeout(resolve, pause))
      await site.remove()
      await site.reaches("gone")
    }
    expect(await site.containers()).toEqual([])
    expect(await site.node.engine.unrecorded()).toEqual([])
  })
})
