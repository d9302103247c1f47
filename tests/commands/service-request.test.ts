import { owner } from "../support/decider.ts"
import { describe, expect, test } from "vitest"
import { find } from "../../src/events/world.ts"
import { alice, request, create, setup, started } from "./service-commands.ts"

describe("what is asked of a service", () => {
  test("an update is the next revision; nothing changed is no event", () => {
    const { given, when, world } = setup()
    given(create("web"), started("web", 1, 11_000))
    expect(when("UpdateService", { service_name: "web", changes: { image: "nginx" } }).events).toEqual([])
    given(["UpdateService", { service_name: "web", changes: { memory_limit: "1g" } }])
    expect(find(world, "service", "web")).toMatchObject({ revision: 2, status: "updating", serving: { revision: 1 } })
  })

  test("values of the environment are kept by name, and the vault forgets those that nothing names any more", () => {
    const { given, when, world } = setup()
    given(
      create("web", {
        environment: [
          { name: "A", value_ref: "env-a" },
          { name: "B", value_ref: "env-b" },
        ],
      }),
    )
    const changed = when("UpdateService", {
      service_name: "web",
      changes: {},
      environment: [
        { name: "A", value_ref: null },
        { name: "C_ref", value_ref: "env-c" },
      ],
    })
    expect(find(world, "service", "web")?.environment).toEqual([
      { name: "A", value_ref: "env-a" },
      { name: "C_ref", value_ref: "env-c" },
    ])
    expect(changed.decided).toMatchObject({ unlink: ["env-b"] })
    expect(
      when("UpdateService", { service_name: "web", changes: {}, environment: [{ name: "B", value_ref: null }] })
        .refused,
    ).toBe("validation_failed")
  })

  test("names that people choose are never taken for entries of the vault", () => {
    const { given, when } = setup()
    given(
      create("web", { labels: { victim_ref: "token-of-somebody" }, environment: [{ name: "A", value_ref: "env-a" }] }),
    )
    expect(when("UpdateService", { service_name: "web", changes: { labels: {} } }).decided).toMatchObject({
      unlink: [],
    })
  })

  test("an owner cannot put another command into an image that only an administrator may run", () => {
    const { given, when } = setup()
    given(create("web", { image: "redis", owner: "alice" }))
    expect(when("UpdateService", { service_name: "web", changes: { command: ["sh"] } }, alice).refused).toBe(
      "image_not_allowed",
    )
    expect(when("StopService", { service_name: "web" }, alice).refused).toBeUndefined()
    expect(when("StopService", { service_name: "web" }, owner("bob")).refused).toBe("not_owner")
  })

  test("start, stop and restart are events only where they change something", () => {
    const { given, when, world } = setup()
    given(create("web"))
    expect(when("StartService", { service_name: "web" }).decided?.result).toEqual({ changed: false })
    expect(when("StopService", { service_name: "web" }).events).toEqual(["ServiceStopRequested"])
    expect(when("StopService", { service_name: "web" }).events).toEqual([])
    expect(when("RestartService", { service_name: "web" }).events).toEqual(["ServiceRestartRequested"])
    expect(find(world, "service", "web")).toMatchObject({ desired_state: "running", status: "restarting", request: 3 })
  })

  test("one that runs is deleted only with force, and can then not be touched any more", () => {
    const { given, when, world } = setup()
    given(create("web"), started("web", 1, 11_000))
    expect(when("DeleteService", { service_name: "web" }).refused).toBe("invalid_state")
    given(["DeleteService", { service_name: "web", force: true }])
    expect(find(world, "service", "web")).toMatchObject({ status: "removing", serving: null })
    expect(when("StartService", { service_name: "web" }).refused).toBe("invalid_state")
    expect(when("CreateService", request("web")).refused).toBe("already_exists")
  })
})
