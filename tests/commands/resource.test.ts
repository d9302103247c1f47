import { admin, decider, owner, token } from "../support/decider.ts"
import { describe, expect, it } from "vitest"
import { find } from "../../src/events/world.ts"
import { resourceId } from "../../src/commands/resource.ts"

const alice = owner("alice")
const bob = owner("bob")
const auth = { auth_proxy: "auth.localhost" }

function setting(publicHttpsPort = 443) {
  const tools = decider({ publicHttpsPort })
  for (const [hostname, actor] of [
    ["mcp.test", alice],
    ["other.test", bob],
  ] as const) {
    if (find(tools.world, "api-token", actor.token) === undefined) tools.given(token(actor.name))
    tools.given(["CreateProxy", { hostname, target_url: "http://backend.example", enable_https: false }, actor])
  }
  return tools
}

const register = (uri: string, extras: object = {}, actor = alice): [string, unknown, typeof alice] => [
  "RegisterResource",
  { uri, name: "Files", proxy_target: "mcp.test", ...extras },
  actor,
]

describe("the id of a resource", () => {
  it.each([
    ["https://MCP.test:443/a/", 443, "https://mcp.test/a"],
    ["mcp.test", 443, "https://mcp.test"],
    ["MCP.test", 8443, "https://mcp.test:8443"],
    ["http://localhost:3000/mcp", 443, "http://localhost:3000/mcp"],
    ["http://a.localhost", 443, "http://a.localhost"],
    ["http://mcp.test/a", 443, undefined],
    ["ftp://mcp.test", 443, undefined],
    ["https://mcp.test/a#b", 443, undefined],
    ["https://u:p@mcp.test/", 443, undefined],
    ["https://mcp.test/<a>", 443, undefined],
    ["https://mcp.test/\u0000", 443, undefined],
    ["https://mcp.test/ä", 443, undefined],
    ["/a", 443, undefined],
    ["", 443, undefined],
  ])("%j with port %i is %s", (uri, port, id) => expect(resourceId(uri, port)).toBe(id))
})

describe("registering a resource", () => {
  it("records it under its normal form", () => {
    const { when, world } = setting()
    expect(when(...register("HTTPS://mcp.test:443/files/")).events).toEqual(["ResourceRegistered"])
    expect(find(world, "resource", "https://mcp.test/files")).toMatchObject({
      uri: "https://mcp.test/files",
      owner: "alice",
      scopes: ["mcp:read", "mcp:write"],
      metadata_url: null,
      auto: false,
    })
    expect(when(...register("https://MCP.test/files")).refused).toBe("already_exists")
    expect(when(...register("https://mcp.test/two", { scopes: "files:read files:write" })).refused).toBeUndefined()
    expect(find(world, "resource", "https://mcp.test/two")?.scopes).toEqual(["files:read", "files:write"])
  })

  it.each([
    [register("https://other.test/x"), "resource_host_mismatch"],
    [register("https://mcp.test:8443/x"), "resource_host_mismatch"],
    [register("https://mcp.test.evil.example/x"), "resource_host_mismatch"],
    [register("http://mcp.test/x"), "validation_failed"],
    [register("https://mcp.test/#x"), "validation_failed"],
    [register("https://mcp.test/x", {}, bob), "not_owner"],
    [register("https://none.test/x", { proxy_target: "none.test" }), "validation_failed"],
    [register("https://mcp.test/x", { scopes: [] }), "validation_failed"],
    [register("https://mcp.test/x", { scopes: ['a"b'] }), "validation_failed"],
    [register("https://mcp.test/x", { name: "" }), "validation_failed"],
    [register("https://mcp.test/x", { metadata_url: "http://meta.example" }), "validation_failed"],
    [register("https://mcp.test/x", { metadata_url: "https://169.254.169.254/x" }), "forbidden_target"],
    [register("https://mcp.test/x", { owner: "bob" }), "admin_required"],
    [register("https://mcp.test/x", { owner: "bob" }, admin), "not_owner"],
    [register("https://mcp.test/x", { auto: true }), "admin_required"],
  ])("%j: %s", (command, code) => expect(setting().when(...command).refused).toBe(code))

  it("takes the port that clients see, and the host alone", () => {
    const { when } = setting(8443)
    expect(when(...register("https://mcp.test:8443/x")).decided?.result).toEqual({ uri: "https://mcp.test:8443/x" })
    expect(when(...register("mcp.test")).decided?.result).toEqual({ uri: "https://mcp.test:8443" })
    expect(when(...register("https://mcp.test:9443/x")).refused).toBe("resource_host_mismatch")
    // Where something in front of Gatehouse has the standard port.
    expect(when(...register("https://mcp.test/x")).decided?.result).toEqual({ uri: "https://mcp.test/x" })
  })
})

describe("changing a resource", () => {
  const uri = "https://mcp.test/files"

  it("records what differs, for its owner", () => {
    const { given } = setting()
    const { when } = given(register(uri))
    const change = (changes: object, actor = alice) => when("UpdateResource", { uri, changes }, actor)
    expect(change({ name: "Files" }).events).toEqual([])
    expect(change({ name: "Other", scopes: ["x"] }).decided?.events[0]?.data).toEqual({ name: "Other", scopes: ["x"] })
    expect(change({ name: "Mine" }, bob).refused).toBe("not_owner")
    expect(change({ proxy_target: "other.test" }).refused).toBe("not_owner")
    expect(change({ uri: "https://mcp.test/y" }).refused).toBe("validation_failed")
  })

  it("deletes it for its owner only", () => {
    const { given, world } = setting()
    const { when } = given(register(uri))
    expect(when("DeleteResource", { uri }, bob).refused).toBe("not_owner")
    expect(when("DeleteResource", { uri }, alice).events).toEqual(["ResourceDeleted"])
    expect(world.objects.resource.size).toBe(0)
  })
})

describe("resources of MCP proxies", () => {
  const mcp = (mcp_endpoint = "/mcp", mcp_scopes = ["mcp:read"]): [string, unknown, typeof alice] => [
    "SetProxyMcp",
    { hostname: "mcp.test", mcp: { mcp_endpoint, mcp_scopes } },
    alice,
  ]

  it("are registered for an administrator, each once", () => {
    const { given, world } = setting()
    const { when } = given(
      mcp(),
      ["SetProxyMcp", { hostname: "other.test", mcp: {} }, bob],
      ["SetProxyAuth", { hostname: "mcp.test", auth }, alice],
    )
    const result = {
      registered: ["https://mcp.test/mcp"],
      skipped: [{ host: "other.test", reason: "auth_off" }],
      count: 1,
    }
    expect(when("AutoRegisterResources", { dry_run: true })).toMatchObject({ events: [], decided: { result } })
    expect(when("AutoRegisterResources", {})).toMatchObject({ events: ["ResourceRegistered"], decided: { result } })
    expect(find(world, "resource", "https://mcp.test/mcp")).toMatchObject({
      owner: "alice",
      auto: true,
      scopes: ["mcp:read"],
      name: "mcp.test",
    })
    expect(when("AutoRegisterResources", {}).decided?.result).toMatchObject({ count: 0 })
    expect(when("AutoRegisterResources", {}, alice).refused).toBe("admin_required")
  })

  it("follow the endpoint and the scopes, and go with MCP", () => {
    const { given, world } = setting()
    const { when } = given(
      mcp(),
      ["SetProxyAuth", { hostname: "mcp.test", auth }, alice],
      ["AutoRegisterResources", {}],
    )
    expect(when(...mcp("/mcp", ["mcp:read", "mcp:write"])).events).toEqual(["ProxyMcpSet", "ResourceUpdated"])
    expect(find(world, "resource", "https://mcp.test/mcp")?.scopes).toEqual(["mcp:read", "mcp:write"])
    expect(when(...mcp("/v2")).events).toEqual(["ProxyMcpSet", "ResourceDeleted", "ResourceRegistered"])
    expect([...world.objects.resource.keys()]).toEqual(["https://mcp.test/v2"])
    expect(when("RemoveProxyMcp", { hostname: "mcp.test" }, alice).events).toEqual([
      "ProxyMcpRemoved",
      "ResourceDeleted",
    ])
  })

  it("make way for one that was registered by hand", () => {
    const { given, world } = setting()
    const { when } = given(
      mcp(),
      ["SetProxyAuth", { hostname: "mcp.test", auth }, alice],
      ["AutoRegisterResources", {}],
      register("https://mcp.test/v2", { name: "By hand" }),
    )
    expect(when(...mcp("/v2")).events).toEqual(["ProxyMcpSet", "ResourceDeleted"])
    expect([...world.objects.resource.values()].map(({ state }) => state.name)).toEqual(["By hand"])
  })

  it("stay as they are once somebody has changed them", () => {
    const { given, world } = setting()
    const { when } = given(
      mcp(),
      ["SetProxyAuth", { hostname: "mcp.test", auth }, alice],
      ["AutoRegisterResources", {}],
      ["UpdateResource", { uri: "https://mcp.test/mcp", changes: { name: "Mine" } }, alice],
    )
    expect(when("RemoveProxyMcp", { hostname: "mcp.test" }, alice).events).toEqual(["ProxyMcpRemoved"])
    expect(find(world, "resource", "https://mcp.test/mcp")).toMatchObject({ auto: false, name: "Mine" })
  })
})
