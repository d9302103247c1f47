import { admin, decider, owner, system, token } from "../support/decider.ts"
import { describe, expect, it } from "vitest"
import { find } from "../../src/events/world.ts"

const alice = owner("alice")
const bob = owner("bob")
const register = (name: string, actor = admin, extras: object = {}): [string, unknown, typeof admin] => [
  "RegisterInstance",
  { name, target_url: "backend.example:8080", ...extras },
  actor,
]
const route = (route_id: string, target_value: string, actor = admin): [string, unknown, typeof admin] => [
  "CreateRoute",
  { route_id, path_pattern: `/${route_id}`, target_type: "instance", target_value },
  actor,
]
const proxy = (hostname: string, target_url: string, actor = admin): [string, unknown, typeof admin] => [
  "CreateProxy",
  { hostname, target_url, enable_https: false },
  actor,
]

function setting() {
  const tools = decider()
  tools.given(token("alice"), token("bob"))
  return tools
}

describe("registering an instance", () => {
  it("records address, owner and who did it", () => {
    const { when, world } = setting()
    expect(when(...register("My-Db", alice, { description: "d" })).events).toEqual(["InstanceRegistered"])
    expect(find(world, "instance", "my-db")).toMatchObject({
      target_url: "http://backend.example:8080",
      owner: "alice",
      created_by: "alice",
      description: "d",
    })
    when(...register("given", admin, { owner: "Bob" }))
    expect(find(world, "instance", "given")).toMatchObject({ owner: "bob", created_by: "ADMIN" })
  })

  it.each([
    [register("taken", bob), "already_exists"],
    [register("api", bob), "reserved_name"],
    [register("auth", bob), "reserved_name"],
    [register("localhost", bob), "reserved_name"],
    [register("docker-x", bob), "reserved_name"],
    [register("docker-x"), "reserved_name"],
    [register("-x"), "validation_failed"],
    [register("a".repeat(64)), "validation_failed"],
    [register("x", bob, { owner: "alice" }), "admin_required"],
    [register("x", admin, { owner: "nobody" }), "validation_failed"],
    [register("x", bob, { target_url: "10.0.0.1" }), "forbidden_target"],
    [register("x", admin, { target_url: "169.254.169.254" }), "forbidden_target"],
    [register("x", admin, { target_url: "http://localhost:9000" }), "forbidden_target"],
    [register("x", admin, { target_url: "https://auth.localhost" }), "forbidden_target"],
    [register("x", admin, { target_url: "instance://taken" }), "validation_failed"],
    [register("x", admin, { target_url: "unix:///var/run/docker.sock" }), "validation_failed"],
    [register("x", admin, { target_url: "http://u:p@backend.example" }), "validation_failed"],
  ])("%j: %s", (command, code) => {
    const { given } = setting()
    expect(given(register("taken", alice)).when(...command).refused).toBe(code)
  })

  it("lets an administrator name the built-in server, and a worker name services", () => {
    const { when } = setting()
    expect(when(...register("auth", admin, { target_url: "https://auth.localhost" })).events).toEqual([
      "InstanceRegistered",
    ])
    expect(when("RegisterInstance", { name: "docker-web", target_url: "http://172.18.0.2:80" }, system).events).toEqual(
      ["InstanceRegistered"],
    )
  })
})

describe("changing an instance", () => {
  it("records only what differs", () => {
    const { given } = setting()
    const { when } = given(register("db", alice))
    const change = (changes: object, actor = alice) => when("UpdateInstance", { name: "db", changes }, actor)
    expect(change({ target_url: "http://backend.example:8080", name: "DB" }).events).toEqual([])
    expect(change({ description: "new" }).decided?.events[0]?.data).toEqual({ description: "new" })
    expect(change({ description: "x" }, bob).refused).toBe("not_owner")
    expect(change({ target_url: "10.0.0.1" }).refused).toBe("forbidden_target")
  })

  it("under another name takes along what leads to it", () => {
    const { given, world } = setting()
    const { when } = given(
      register("db", alice, { description: "d" }),
      route("r", "db", alice),
      proxy("a.test", "instance://db", alice),
    )
    const before = find(world, "instance", "db")!
    const answer = when(
      "UpdateInstance",
      { name: "db", changes: { name: "store", target_url: "other.example" } },
      alice,
    )
    expect(answer.events).toEqual(["InstanceRenamed", "InstanceRegistered", "RouteUpdated", "ProxyUpdated"])
    expect(find(world, "instance", "db")).toBeUndefined()
    expect(find(world, "instance", "store")).toEqual({ ...before, name: "store", target_url: "http://other.example" })
    expect(find(world, "route", "r")?.target_value).toBe("store")
    expect(find(world, "proxy", "a.test")?.target_url).toBe("instance://store")
  })

  it("gives it to another owner unless somebody would lose it", () => {
    const { given, world } = setting()
    const { when } = given(register("db", alice), route("r", "db", alice))
    const give = (to: string) => when("UpdateInstance", { name: "db", changes: {}, owner: to })
    expect(give("bob").refused).toBe("in_use")
    expect(give("admin").events).toEqual(["InstanceReassigned"])
    expect(give("bob").refused).toBe("in_use")
    when("DeleteRoute", { route_id: "r" })
    expect(give("bob").events).toEqual(["InstanceReassigned"])
    expect(find(world, "instance", "db")?.owner).toBe("bob")
  })
})

describe("deleting an instance", () => {
  it("is refused while something leads to it, unless it is forced", () => {
    const { given, world } = setting()
    const { when } = given(register("db", alice), route("r", "db", alice))
    expect(when("DeleteInstance", { name: "db" }, bob).refused).toBe("not_owner")
    expect(when("DeleteInstance", { name: "db" }, alice).refused).toBe("in_use")
    expect(when("DeleteInstance", { name: "db", force: true }, alice).events).toEqual(["InstanceDeleted"])
    expect(find(world, "route", "r")?.target_value).toBe("db")
  })

  it("is not forced by its owner while others lead to it", () => {
    const { given } = setting()
    const { when } = given(register("db", alice), route("global", "db"))
    expect(when("DeleteInstance", { name: "db", force: true }, alice).refused).toBe("in_use")
    expect(when("DeleteInstance", { name: "db", force: true }).events).toEqual(["InstanceDeleted"])
  })

  it("does not hand what leads to it to the next who takes the name", () => {
    const { given } = setting()
    const { when } = given(register("db", alice), route("r", "db", alice), [
      "DeleteInstance",
      { name: "db", force: true },
    ])
    expect(when(...register("db", bob)).refused).toBe("in_use")
    expect(when(...register("mine", bob)).events).toEqual(["InstanceRegistered"])
    expect(when("UpdateInstance", { name: "mine", changes: { name: "db" } }, bob).refused).toBe("in_use")
    expect(when(...register("db", alice)).events).toEqual(["InstanceRegistered"])
  })
})

describe("a proxy that leads to an instance", () => {
  it.each([
    ["instance://db", alice, undefined],
    ["INSTANCE://DB/", alice, undefined],
    ["instance://db", bob, "validation_failed"],
    ["instance://none", alice, "validation_failed"],
    ["instance://db/path", alice, "validation_failed"],
    ["instance://shared", bob, undefined],
  ])("%s by %j: %s", (target_url, actor, refused) => {
    const { given } = setting()
    const { when } = given(register("db", alice), register("shared"))
    expect(when(...proxy("a.test", target_url, actor)).refused).toBe(refused)
  })

  it("keeps its instance when it changes hands", () => {
    const { given } = setting()
    const { when } = given(register("db", alice), proxy("a.test", "instance://db", alice))
    expect(when("UpdateProxy", { hostname: "a.test", changes: {}, owner: "bob" }).refused).toBe("in_use")
  })
})
