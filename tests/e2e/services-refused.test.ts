import { eventually } from "../support/gatehouse.ts"
import { describe, expect, it } from "vitest"
import { servicesNode, base, engine, node, alice, type Service, as, running } from "./services-node.ts"

servicesNode()

describe("what nobody may have", () => {
  it("an owner gets no image that is not on the list, and sees nothing of others", async () => {
    const refused = await as<{ code: string }>(alice, "POST", base, { service_name: "x", image: "redis:7" })
    expect([refused.status, refused.body.code]).toEqual([403, "image_not_allowed"])
    expect((await node.api("POST", base, { service_name: "admins", image: "gatehouse/test-web:1" })).status).toBe(201)
    for (const [method, path] of [
      ["GET", ""],
      ["GET", "/logs"],
      ["GET", "/stats"],
      ["POST", "/stop"],
      ["DELETE", "?force=true"],
    ] as const)
      expect((await as(alice, method, `${base}/admins${path}`)).status).toBe(403)
    expect((await as<{ total: number }>(alice, "GET", base)).body.total).toBe(0)
    expect((await as(alice, "POST", `${base}/cleanup`)).status).toBe(403)
  })
})

describe("an engine that is away", () => {
  it("leaves the rest of Gatehouse alone, and its services come back", async () => {
    await running("admins")
    await engine.kill()
    const started = performance.now()
    const [logs, cleanup] = [
      await node.api<{ code: string }>("GET", `${base}/admins/logs`),
      await node.api("POST", `${base}/cleanup`),
    ]
    expect([logs.status, logs.body.code, cleanup.status]).toEqual([503, "docker_unavailable", 503])
    // At once, and not after the deadline of a question to the engine.
    expect(performance.now() - started).toBeLessThan(10_000)
    expect((await node.api("POST", base, { service_name: "later", image: "gatehouse/test-web:1" })).status).toBe(201)
    const health = await node.api<{ status: string; checks: { docker: { status: string } } }>("GET", "/health")
    expect([health.status, health.body.checks.docker.status]).toEqual([200, "degraded"])
    await engine.restart()
    for (const name of ["later", "admins"])
      await eventually(
        `${name} runs`,
        async () => (await node.api<Service>("GET", `${base}/${name}`)).body.status === "running",
        30_000,
      )
    const cleaned = await node.api<{ orphaned_containers: unknown[] }>("POST", `${base}/cleanup`)
    expect(cleaned.body.orphaned_containers).toEqual([])
  })
})
