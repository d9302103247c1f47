import { describe, expect, test } from "vitest"
import { decider, system } from "../support/decider.ts"
import { find } from "../../src/events/world.ts"
import { alice, create, request, setup, started } from "./service-commands.ts"

const failure = (service_name: string, request: number): [string, unknown, typeof system] => [
  "RecordServiceFailure",
  { service_name, request, code: "docker_refused", detail: "x", next_attempt_at: null },
  system,
]

describe("a service that may have a container", () => {
  test("is not deleted without force, whatever state it is in", () => {
    const tools = setup()
    const remove = () => tools.when("DeleteService", { service_name: "web" }).refused
    tools.given(create("web"))
    const seen: Record<string, string | undefined> = {}
    const look = () => (seen[find(tools.world, "service", "web")!.status] = remove())
    tools.given(["RecordServiceWork", { service_name: "web", request: 1, status: "starting" }, system])
    look()
    tools.given(started("web", 1, 11_000))
    look()
    tools.given(["RestartService", { service_name: "web" }])
    look()
    tools.given(started("web", 2, 11_000), ["UpdateService", { service_name: "web", changes: { memory_limit: "1g" } }])
    look()
    tools.given(started("web", 3, 11_000, 2), ["StopService", { service_name: "web" }])
    look()
    expect(Object.keys(seen).sort()).toEqual(["restarting", "running", "starting", "stopping", "updating"])
    expect(new Set(Object.values(seen))).toEqual(new Set(["invalid_state"]))
    tools.given(["RecordServiceStopped", { service_name: "web", request: 4 }, system])
    expect(remove()).toBeUndefined()
  })

  test("is started again when it has failed, and not when it runs", () => {
    const tools = setup()
    const start = () => tools.when("StartService", { service_name: "web" })
    tools.given(create("web"), failure("web", 1))
    expect(find(tools.world, "service", "web")!.status).toBe("failed")
    expect(start().events).toEqual(["ServiceStartRequested"])
    tools.given(started("web", 2, 11_000))
    expect(start()).toMatchObject({ events: [], decided: { result: { changed: false } } })
  })

  test("takes the name that leads to it along to another owner", () => {
    const tools = setup()
    tools.given(create("web", { owner: "alice" }))
    tools.given(["UpdateService", { service_name: "web", changes: {}, owner: "bob" }])
    expect([find(tools.world, "service", "web")?.owner, find(tools.world, "instance", "docker-web")?.owner]).toEqual([
      "bob",
      "bob",
    ])
  })

  test("is not taken from an administrator's route by deleting its owner, but by force", () => {
    const tools = setup()
    tools.given(create("web", { owner: "alice" }), [
      "CreateRoute",
      { route_id: "to-web", path_pattern: "/web", target_type: "service", target_value: "web" },
    ])
    expect(tools.when("DeleteToken", { name: "alice" }).refused).toBe("in_use")
    expect(tools.when("DeleteToken", { name: "alice", force: true }).refused).toBeUndefined()
  })
})

describe("a port", () => {
  const asks = (tools: ReturnType<typeof setup>, external_port: number, service_name = "other") =>
    tools.when("CreateService", request(service_name, { external_port })).refused

  test("belongs to one service until that is gone, and never to one of Gatehouse's own listeners", () => {
    const tools = setup()
    tools.given(create("web", { external_port: 12_000 }))
    expect(asks(tools, 12_000)).toBe("port_in_use")
    expect(asks(tools, 9000)).toBe("port_in_use")
    const change = (external_port: number) => ({ service_name: "web", changes: { external_port } })
    expect(tools.when("UpdateService", change(9000)).refused).toBe("port_in_use")
    tools.given(create("next", { external_port: 12_001 }))
    expect(tools.when("UpdateService", change(12_001)).refused).toBe("port_in_use")
    // Its own it may ask for again.
    tools.given(["UpdateService", change(12_002)], ["UpdateService", change(12_000)])
    tools.given(["DeleteService", { service_name: "web", force: true }])
    expect(asks(tools, 12_000)).toBe("port_in_use")
    const { request: last } = find(tools.world, "service", "web")!
    tools.given(["RecordServiceRemoved", { service_name: "web", request: last }, system])
    expect(asks(tools, 12_000)).toBeUndefined()
  })

  test("of the range is none that the engine found taken", () => {
    const tools = setup()
    tools.given(create("web"))
    const reserve = { service_name: "web", request: 1, avoid: [11_000, 11_001] }
    expect(tools.when("ReserveServicePort", reserve, system).decided?.result).toEqual({ port: 11_002 })
    const all = { ...reserve, avoid: [11_000, 11_001, 11_002] }
    expect(tools.when("ReserveServicePort", all, system).refused).toBe("port_in_use")
    const own = decider({ ownPorts: [11_000] })
    own.given(create("a"))
    expect(find(own.world, "service", "a")!.ports).toEqual([11_001])
    expect(tools.when("CreateService", request("a"), alice).refused).toBeUndefined()
    expect(find(tools.world, "service", "a")!.ports).toEqual([11_001])
  })
})
