import { admin, owner } from "../support/decider.ts"
import { describe, expect, test } from "vitest"
import { find } from "../../src/events/world.ts"
import { alice, create, setup } from "./service-commands.ts"

describe("a token's services", () => {
  test("go with it, or change hands with their names in the registry", () => {
    const { given, when, world } = setup()
    given(create("a", {}, alice), create("b", { auto_proxy: true }, alice))
    const dry = when("DeleteToken", { name: "alice", dry_run: true })
    expect(dry.decided?.result).toMatchObject({
      deleted_resources: { services: ["a", "b"], instances: ["docker-a", "docker-b"], proxies: ["b.example.com"] },
    })
    expect(when("DeleteToken", { name: "alice", cascade: false }).refused).toBe("owns_resources")
    given(["DeleteToken", { name: "alice", reassign_to: "bob" }])
    expect(find(world, "service", "a")?.owner).toBe("bob")
    given(["DeleteToken", { name: "bob" }])
    expect([...world.objects.service.values()].map(({ state }) => state.desired_state)).toEqual(["removed", "removed"])
    expect([...world.objects.instance.keys(), ...world.objects.proxy.keys()]).toEqual([])
  })
})

describe("targets", () => {
  test("an owner's proxy leads to a service of its own alone", () => {
    const { given, when } = setup()
    given(create("mine", {}, alice), create("admins"))
    const proxy = (hostname: string, name: string, actor: typeof alice | typeof admin) =>
      when("CreateProxy", { hostname, target_url: `service://${name}`, enable_https: false }, actor).refused
    expect(proxy("a.example.org", "mine", alice)).toBeUndefined()
    expect(proxy("b.example.org", "admins", alice)).toBe("validation_failed")
    expect(proxy("b.example.org", "mine", owner("bob"))).toBe("validation_failed")
    expect(proxy("b.example.org", "nothing", admin)).toBe("validation_failed")
    expect(proxy("b.example.org", "mine", admin)).toBeUndefined()
    given(["DeleteService", { service_name: "mine" }, alice])
    expect(proxy("c.example.org", "mine", alice)).toBe("validation_failed")
  })
})
