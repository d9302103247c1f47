import { system } from "../support/decider.ts"
import { describe, expect, test } from "vitest"
import { find } from "../../src/events/world.ts"
import { alice, create, setup, container, started } from "./service-commands.ts"

describe("reports", () => {
  test("about an earlier request come too late", () => {
    const { given, when } = setup()
    given(create("web"), ["UpdateService", { service_name: "web", changes: { memory_limit: "1g" } }])
    expect(when(...started("web", 1, 11_000)).refused).toBe("invalid_state")
    expect(when(...started("web", 2, 11_000, 2)).refused).toBeUndefined()
    expect(when("RecordServiceStopped", { service_name: "web", request: 2 }, system).refused).toBe("invalid_state")
    expect(
      when("RecordServiceStarted", { service_name: "web", request: 2, ...container(11_000), health: "none" }, alice)
        .refused,
    ).toBe("admin_required")
  })

  test("an update that fails leaves what was there", () => {
    const { given, world } = setup()
    given(create("web"), started("web", 1, 11_000), [
      "UpdateService",
      { service_name: "web", changes: { image: "nginx:broken" } },
    ])
    given([
      "RecordServiceFailure",
      { service_name: "web", request: 2, code: "docker_refused", detail: "x", next_attempt_at: null },
      system,
    ])
    expect(find(world, "service", "web")).toMatchObject({
      status: "running",
      failed_revision: 2,
      serving: { revision: 1 },
      last_error: { detail: "x" },
    })
  })

  test("a second port is reserved for an update, once, and the first goes back afterwards", () => {
    const { given, when, world } = setup()
    given(create("web"), started("web", 1, 11_000), [
      "UpdateService",
      { service_name: "web", changes: { memory_limit: "1g" } },
    ])
    const reserve = { service_name: "web", request: 2, avoid: [11_000] }
    expect(when("ReserveServicePort", reserve, system)).toMatchObject({
      events: ["ServicePortReserved"],
      decided: { result: { port: 11_001 } },
    })
    expect(when("ReserveServicePort", reserve, system)).toMatchObject({
      events: [],
      decided: { result: { port: 11_001 } },
    })
    given(started("web", 2, 11_001, 2), [
      "ReleaseServicePorts",
      { service_name: "web", request: 2, keep: [11_001] },
      system,
    ])
    expect(find(world, "service", "web")?.ports).toEqual([11_001])
  })

  test("an engine that is away makes every state unknown but that of what is being removed", () => {
    const { given, when, world } = setup()
    given(create("web"), started("web", 1, 11_000), ["RecordServiceLost", { service_name: "web" }, system])
    expect(find(world, "service", "web")).toMatchObject({ status: "unknown", serving: { port: 11_000 } })
    given(["DeleteService", { service_name: "web", force: true }])
    expect(when("RecordServiceLost", { service_name: "web" }, system).events).toEqual([])
  })
})
