import { base, engine, node, running, servicesNode } from "./services-node.ts"
import { expect, test } from "vitest"

servicesNode()

interface Report {
  readonly found: { services: { container_id: string; service: string }[] }
  readonly removed: { services: string[] }
}

test("containers of this installation without a record go, an event each; nobody else's do", async () => {
  const made = await node.api("POST", base, {
    service_name: "kept",
    image: "gatehouse/test-web:1",
    internal_port: 8080,
  })
  expect(made.status).toBe(201)
  const { container_id } = await running("kept")
  const labels = JSON.parse(
    await engine.docker("inspect", "--format", "{{json .Config.Labels}}", container_id),
  ) as Record<string, string>
  const ours = (service: string) =>
    Object.entries(labels).flatMap(([name, value]) => ["--label", `${name}=${value === "kept" ? service : value}`])
  const run = async (name: string, ...flags: string[]) =>
    (await engine.docker("run", "-d", "--network", "none", "--name", name, ...flags, "gatehouse/test-web:1")).trim()
  const orphans = [await run("orphan-1", ...ours("gone-1")), await run("orphan-2", ...ours("gone-2"))].sort()
  const foreign = await run("foreign")

  const plan = await node.api<Report>("POST", "/api/v1/cleanup", { kinds: ["services"] })
  expect(plan.status).toBe(200)
  expect(plan.body.found.services.map(({ service }) => service).sort()).toEqual(["gone-1", "gone-2"])
  expect(plan.body.removed.services).toEqual([])
  // The key stands for the whole call, however many containers it removes.
  const headers = { "idempotency-key": "cleanup" }
  const done = await node.api<Report>("POST", "/api/v1/cleanup?dry_run=false", { kinds: ["services"] }, headers)
  expect([done.status, [...done.body.removed.services].sort()]).toEqual([200, orphans])
  const left = (await engine.docker("ps", "-aq", "--no-trunc")).split("\n").filter(Boolean).sort()
  expect(left).toEqual([container_id, foreign].sort())
  const { body } = await node.api<{ events: { type: string }[] }>("GET", "/api/v1/events?type=ServiceOrphanRemoved")
  expect(body.events).toHaveLength(2)
  const again = await node.api<Report>("POST", "/api/v1/cleanup?dry_run=false", { kinds: ["services"] })
  expect(again.body.found.services).toEqual([])
}, 90_000)
